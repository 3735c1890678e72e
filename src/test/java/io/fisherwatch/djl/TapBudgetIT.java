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
    assertThat(budget(512, DataType.INT64, 50_304).examples()).isEqualTo(1);
  }

  @Test
  void smallRows_firstPass_takesMany() {
    assertThat(budget(64, DataType.FLOAT32, 1000).examples()).isEqualTo(128);
  }

  @Test
  void laterPasses_areBoundedByTapsAndLogits() {
    long mib = 1 << 20;
    TapBudget budget = budget(64, DataType.FLOAT32, 10);
    budget.learn(mib, 4 * mib);
    assertThat(budget.examples()).isEqualTo(16);
    TapBudget taps = budget(64, DataType.FLOAT32, 10);
    taps.learn(100 * mib, 4);
    assertThat(taps.examples()).isEqualTo(5);
    TapBudget wide = budget(64, DataType.FLOAT32, 10);
    wide.learn(mib, 512L * 50_304 * Float.BYTES);
    assertThat(wide.examples()).isEqualTo(1);
  }

  private static TapBudget budget(int numbers, DataType type, long widest) {
    try (NDManager manager = NDManager.newBaseManager()) {
      NDList inputs = new NDList(manager.zeros(new Shape(EXAMPLES, numbers), type));
      return TapBudget.of(inputs, EXAMPLES, widest);
    }
  }
}
