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
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** 10,000 batches leave nothing behind outside the JVM's heap. */
class NativeMemoryIT {

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path FOLDER = Path.of("src/test/resources/models/mlp");
  private static final int WARM = 2_000;
  private static final int BATCHES = 10_000;
  private static final long ALLOWED_KB = 24 << 10;

  /** Resident memory less the heap, which a JVM that has run other tests may give back or take. */
  private static long residentKb() throws Exception {
    System.gc();
    long heapKb = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getCommitted() >> 10;
    for (String line : Files.readAllLines(STATUS)) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) - heapKb;
      }
    }
    throw new IllegalStateException("no VmRSS in " + STATUS);
  }

  @Test
  void tenThousandBatches_leaveNoNativeMemory() throws Exception {
    assumeTrue(Files.exists(STATUS), "skipped: resident memory is read from /proc");
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
        if (batch == WARM) {
          warm = residentKb();
        }
      }
      long grown = residentKb() - warm;
      assertThat(grown).as("kB grown over %d batches", BATCHES - WARM).isLessThan(ALLOWED_KB);
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
