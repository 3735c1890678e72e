package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * 10,000 batches leave nothing behind outside the JVM's heap. In a JVM of their own, whose heap is
 * resident from the start and stays as large: what other tests leave behind comes and goes by more
 * than a leak would.
 */
class NativeMemoryIT {

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path FOLDER = Path.of("src/test/resources/models/mlp");
  private static final int WARM = 2_000;
  private static final int BATCHES = 10_000;
  private static final int COLLECT = 1_000;
  private static final long ALLOWED_KB = 24 << 10;
  private static final Pattern GROWN = Pattern.compile("grown (-?\\d+) kB");

  private static long residentKb() throws Exception {
    System.gc();
    Thread.sleep(300); // a thread of the JVM's frees the direct buffers that were found
    for (String line : Files.readAllLines(STATUS)) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    throw new IllegalStateException("no VmRSS in " + STATUS);
  }

  @Test
  void tenThousandBatches_leaveNoNativeMemory() throws Exception {
    assumeTrue(Files.exists(STATUS), "skipped: resident memory is read from /proc");
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms256m",
                "-Xmx256m",
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", // both take less memory of their own
                "-cp",
                System.getProperty("java.class.path"),
                NativeMemoryIT.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String printed = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(child.waitFor()).as(printed).isZero();
    Matcher grown = GROWN.matcher(printed);
    assertThat(grown.find()).as(printed).isTrue();
    assertThat(Long.parseLong(grown.group(1)))
        .as("kB grown over %d batches", BATCHES - WARM)
        .isLessThan(ALLOWED_KB);
  }

  /** The child: prints by how many kB its resident memory has grown. */
  public static void main(String[] arguments) throws Exception {
    HostTensor input =
        SafetensorsReader.decode(
                Files.readAllBytes(FOLDER.resolve("batch.safetensors")), FOLDER.toString())
            .get("x");
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 0);
        Model model = runtime.load(FOLDER.resolve("graph.pt"), OutputSelector.FIRST);
        DiagonalArray squares = model.newDiagonal()) {
      long warm = 0;
      for (int batch = 0; batch < BATCHES; batch++) {
        if (batch % 100 == 0) {
          model.replaceWeights(FOLDER.resolve("weights.safetensors"), Optional.empty());
        }
        estimate(model, input, squares);
        if (batch % COLLECT == 0) {
          System.gc(); // of direct buffers, which else pile up until the heap is full
        }
        if (batch == WARM) {
          warm = residentKb();
        }
      }
      System.out.println("grown " + (residentKb() - warm) + " kB");
    }
  }

  private static void estimate(Model model, HostTensor input, DiagonalArray squares)
      throws Exception {
    try (BoundBatch bound = model.bind(List.of(input));
        ForwardPass pass = bound.forward(0, bound.examples())) {
      Cotangents u = new Cotangents(pass.logits());
      u.set(0, new double[pass.logits().classes()]);
      for (int k = 0; k < 3; k++) {
        pass.pullBack(u, squares);
      }
    }
  }
}
