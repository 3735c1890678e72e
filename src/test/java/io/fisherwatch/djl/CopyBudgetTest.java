package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CopyBudgetTest {

  private static final long MIB = 1 << 20;

  @Test
  void copies_ofALittleModel_areBoundedByTapsAndLogits() {
    assertThat(CopyBudget.copies(false, 3_050, 128, 80_000, 5_120)).isEqualTo(838);
    assertThat(CopyBudget.copies(false, 3_050, 128, 40 * MIB, 5_120)).isEqualTo(1);
    assertThat(CopyBudget.copies(false, 3_050, 128, 80_000, 30 * MIB)).isEqualTo(2);
    assertThat(CopyBudget.copies(false, 3_050, 128, 0, 0)).isEqualTo(1024);
  }

  @Test
  void copies_ofALargeModel_areForAGpuOnly() {
    long distilbert = 66_956_548;
    assertThat(CopyBudget.copies(false, distilbert, 1024, 340 * MIB, 256)).isEqualTo(1);
    assertThat(CopyBudget.copies(true, distilbert, 1024, 340 * MIB, 256)).isEqualTo(6);
    assertThat(CopyBudget.copies(true, distilbert, 8192, 340 * MIB, 256)).isEqualTo(1);
  }
}
