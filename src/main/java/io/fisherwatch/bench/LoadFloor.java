package io.fisherwatch.bench;

import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.monitor.Budget;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.monitor.LayerMap;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalInt;

/**
 * The floor of a load: one loop in this process, of a bare consumer and of bare monitors. They
 * estimate with settings that hang on no clock: one whole-batch probe.
 */
final class LoadFloor {

  private static final EstimatorSettings SETTINGS =
      new EstimatorSettings(
          EstimatorKind.DEFLATED,
          OptionalInt.of(0),
          OptionalInt.of(1),
          OptionalInt.of(EstimatorSettings.WHOLE),
          Distribution.RADEMACHER,
          0,
          EnumSet.of(Estimate.FISHER),
          Budget.NONE);

  private LoadFloor() {}

  /** Seconds of a bare monitor for a batch, with as many monitors as there are runs. */
  static double monitor(Bench.Site site, Workloads.Workload workload, int runs, int rounds)
      throws Exception {
    List<AutoCloseable> open = new ArrayList<>();
    List<FisherMonitor> monitors = new ArrayList<>();
    try {
      for (int i = 0; i < runs; i++) {
        Model model = site.workloads().load(workload);
        open.add(model);
        FisherMonitor monitor =
            new FisherMonitor(
                model,
                Likelihood.categorical(),
                LayerMap.of(model.parameters(), List.of()),
                SETTINGS,
                new FisherMonitor.Upkeep(0, 1, true),
                System::nanoTime);
        open.add(monitor);
        monitors.add(monitor);
      }
      observe(monitors, workload, 0, Load.WARM_UP);
      long start = System.nanoTime();
      observe(monitors, workload, Load.WARM_UP, Load.WARM_UP + rounds);
      return seconds(start) / runs / rounds;
    } finally {
      for (int i = open.size() - 1; i >= 0; i--) {
        open.get(i).close();
      }
    }
  }

  private static void observe(
      List<FisherMonitor> monitors, Workloads.Workload workload, int from, int to)
      throws Exception {
    for (int round = from; round < to; round++) {
      for (FisherMonitor monitor : monitors) {
        monitor.observe(workload.batch(), round, round);
        Figures unused = monitor.figures();
      }
    }
  }

  /** Seconds of a bare consumer for a record. */
  static double consumer(String servers, String topic, int partitions, long count) {
    long unused = BareConsumer.read(servers, topic, partitions, count); // the code is compiled
    long start = System.nanoTime();
    unused = BareConsumer.read(servers, topic, partitions, count);
    return seconds(start) / count;
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / 1e9;
  }
}
