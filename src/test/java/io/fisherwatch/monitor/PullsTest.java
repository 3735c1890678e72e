package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PullsTest {

  private static final Logits LOGITS =
      Logits.of(
          HostTensor.of(
              Dtype.F32, new long[] {1, 2}, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN)));

  /** Whatever is made together, every pull keeps its cotangents, and actions their order. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 100})
  void make_anyNumberTogether_keepsOrderAndCotangents(int together) throws Exception {
    List<String> done = new ArrayList<>();
    Pulls pulls = new Pulls(pass(together), drawing());
    for (int i = 1; i <= 5; i++) {
      int number = i;
      Cotangents unused = pulls.cotangents(); // asked for, found to be zero and not added
      Cotangents cotangents = pulls.cotangents();
      assertThat(cotangents.isZero()).isTrue();
      cotangents.set(0, new double[] {number, 0});
      pulls.add(
          cotangents, null, gradients -> done.add(number + ":" + gradients.get(0).squaredNorm(0)));
      pulls.then(() -> done.add("end " + number));
    }
    pulls.make();
    assertThat(done)
        .containsExactly(
            "1:1.0", "end 1", "2:2.0", "end 2", "3:3.0", "end 3", "4:4.0", "end 4", "5:5.0",
            "end 5");
  }

  /** A pass whose gradient's squared norm is the first number of its cotangents. */
  private static ExamplePass pass(int together) {
    return (ExamplePass)
        Proxy.newProxyInstance(
            ExamplePass.class.getClassLoader(),
            new Class<?>[] {ExamplePass.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "logits" -> LOGITS;
                  case "pullsTogether" -> together;
                  case "pullBackEach" -> {
                    List<List<Gradient>> gradients = new ArrayList<>();
                    for (Object pull : (List<?>) arguments[0]) {
                      double first = ((ExamplePass.Pull) pull).cotangents().row(0)[0];
                      gradients.add(List.of(new Gradient(new double[] {first}, new long[1])));
                    }
                    assertThat(gradients).hasSizeLessThanOrEqualTo(together);
                    yield gradients;
                  }
                  default -> throw new UnsupportedOperationException(method.getName());
                });
  }

  private static Drawing drawing() {
    EstimatorSettings settings = ModelCase.settings(EstimatorKind.DEFLATED, 0);
    return new Drawing(new Round(settings, null, null, null, 1, 2, 1, 0, 1), new long[0]);
  }
}
