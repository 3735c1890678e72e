package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.pytorch.jni.JniUtils;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.OutputSelector;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ThreadsIT {

  private static final Path GRAPH = Path.of("src/test/resources/models/mlp/graph.pt");

  @Test
  void threads_asGiven_holdOnEveryThread() throws Exception {
    int usual = Runtime.getRuntime().availableProcessors();
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 1);
        Model model = runtime.load(GRAPH, OutputSelector.FIRST)) {
      AtomicInteger elsewhere = new AtomicInteger();
      Thread other = new Thread(() -> elsewhere.set(model.usefulThreads()));
      other.start();
      other.join();
      assertThat(model.usefulThreads()).isEqualTo(1);
      assertThat(elsewhere).hasValue(1);
      assertThat(JniUtils.getNumInteropThreads()).isEqualTo(1);
    } finally {
      JniUtils.setNumThreads(usual);
    }
  }
}
