package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.Test;

/** A pass's logits are bounded before its width is known, and after. */
class TapBudgetIT {

  private static final int EXAMPLES = 32;

  @Test
  void wideHead_firstPass_isOneExample() {
    assertThat(budget(false, 512, DataType.INT64, 50_304, 90_000).examples()).isEqualTo(1);
  }

  /**
   * A perceptron of 64-40-10 units takes a batch at once, a DistilBERT eight sequences, on a GPU
   * too: its vocabulary could be the logits'.
   */
  @Test
  void firstPass_takesWhatFitsByTheWidths() {
    assertThat(budget(false, 64, DataType.FLOAT32, 64, 154).examples()).isEqualTo(1024);
    assertThat(budget(false, 64, DataType.INT64, 30_522, 118_000).examples()).isEqualTo(8);
    assertThat(budget(true, 64, DataType.INT64, 30_522, 118_000).examples()).isEqualTo(8);
    assertThat(budget(true, 64, DataType.INT64, 3_072, 118_000).examples()).isEqualTo(17);
  }

  @Test
  void laterPasses_areBoundedByTapsAndLogits() {
    long mib = 1 << 20;
    TapBudget budget = budget(false, 64, DataType.FLOAT32, 10, 154);
    budget.learn(mib, 4 * mib);
    assertThat(budget.examples()).isEqualTo(16);
    TapBudget taps = budget(false, 64, DataType.FLOAT32, 10, 154);
    taps.learn(25 * mib, 4);
    assertThat(taps.examples()).isEqualTo(10);
    TapBudget onGpu = budget(true, 64, DataType.FLOAT32, 10, 154);
    onGpu.learn(25 * mib, 4);
    assertThat(onGpu.examples()).isEqualTo(20);
    TapBudget wide = budget(false, 64, DataType.FLOAT32, 10, 154);
    wide.learn(mib, 512L * 50_304 * Float.BYTES);
    assertThat(wide.examples()).isEqualTo(1);
  }

  private static TapBudget budget(
      boolean gpu, int numbers, DataType type, long widest, long widths) {
    try (NDManager manager = NDManager.newBaseManager()) {
      NDList inputs = new NDList(manager.zeros(new Shape(EXAMPLES, numbers), type));
      return TapBudget.of(gpu, inputs, EXAMPLES, widest, widths);
    }
  }
}
