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
  private static final long MIB = 1 << 20;

  @Test
  void wideHead_surelyFits_oneExample() {
    assertThat(unseen(false, 512, DataType.INT64, 50_304, 90_000)).isEqualTo(1);
  }

  /**
   * A perceptron of 64-40-10 units takes a batch at once, a DistilBERT eight sequences, on a GPU
   * too: its vocabulary could be the logits'.
   */
  @Test
  void whatSurelyFits_goesByTheWidths() {
    assertThat(unseen(false, 64, DataType.FLOAT32, 64, 154)).isEqualTo(1024);
    assertThat(unseen(false, 64, DataType.INT64, 30_522, 118_000)).isEqualTo(8);
    assertThat(unseen(true, 64, DataType.INT64, 30_522, 118_000)).isEqualTo(8);
    assertThat(unseen(true, 64, DataType.INT64, 3_072, 118_000)).isEqualTo(17);
  }

  @Test
  void whatWasSeen_isBoundedByTapsAndLogits() {
    assertThat(TapBudget.seen(false, MIB, 4 * MIB)).isEqualTo(16);
    assertThat(TapBudget.seen(false, 25 * MIB, 4)).isEqualTo(10);
    assertThat(TapBudget.seen(true, 25 * MIB, 4)).isEqualTo(20);
    assertThat(TapBudget.seen(false, MIB, 512L * 50_304 * Float.BYTES)).isEqualTo(1);
  }

  @Test
  void passes_areAsAlikeAsCanBe() {
    assertThat(TapBudget.evenly(64, 40)).isEqualTo(32);
    assertThat(TapBudget.evenly(65, 40)).isEqualTo(33);
    assertThat(TapBudget.evenly(5, 1)).isEqualTo(1);
    assertThat(TapBudget.evenly(5, 1024)).isEqualTo(5);
  }

  @Test
  void pulls_areBoundedByTheirGradientsAndCotangents() {
    assertThat(TapBudget.pulls(13 * MIB, 2560)).isEqualTo(9);
    assertThat(TapBudget.pulls(104 * MIB, 128)).isEqualTo(1);
    assertThat(TapBudget.pulls(1000 * MIB, 128)).isEqualTo(1);
    assertThat(TapBudget.pulls(MIB, 32 * MIB)).isEqualTo(2);
  }

  private static int unseen(boolean gpu, int numbers, DataType type, long widest, long widths) {
    try (NDManager manager = NDManager.newBaseManager()) {
      NDList inputs = new NDList(manager.zeros(new Shape(EXAMPLES, numbers), type));
      return TapBudget.unseen(gpu, inputs, EXAMPLES, widest, widths);
    }
  }
}
