package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.runtime.Model;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

/** At equal backward work, deflated against whole-batch probes, on a network that it trains. */
class EqualWorkIT {

  private static final int SEEDS = 24;

  private static Study.Entry entry(EstimatorKind kind, int rank, int probes, int microBatch) {
    return new Study.Entry("", 0, kind, rank, probes, microBatch, Distribution.RADEMACHER);
  }

  @Test
  void deflated_trainedDigits_hasAFractionOfTheError() throws Exception {
    int whole = EstimatorSettings.WHOLE;
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 0);
        Study study = new Study(runtime, Files.createTempDirectory("fisherwatch-study"))) {
      Study.Subject subject = study.trained(study.untrained("digits-10", 10));
      try (Model model = study.load(subject)) {
        Study.Made exact =
            study.estimate(model, subject, entry(EstimatorKind.EXACT, 1, 1, 1).settings(0));
        Study.Score two =
            study.score(model, subject, exact, entry(EstimatorKind.HUTCHINSON, 0, 2, whole), SEEDS);
        Study.Score one =
            study.score(model, subject, exact, entry(EstimatorKind.DEFLATED, 1, 1, 1), SEEDS);
        assertThat(one.traceError()).isLessThan(two.traceError() / 10);
        assertThat(one.diagonalError()).isLessThan(two.diagonalError() / 5);
        Study.Score four =
            study.score(model, subject, exact, entry(EstimatorKind.HUTCHINSON, 0, 4, whole), SEEDS);
        Study.Score three =
            study.score(model, subject, exact, entry(EstimatorKind.DEFLATED, 3, 1, 1), SEEDS);
        assertThat(three.traceError()).isLessThan(four.traceError() / 80);
        assertThat(three.diagonalError()).isLessThan(four.diagonalError() / 30);
      }
    }
  }
}
