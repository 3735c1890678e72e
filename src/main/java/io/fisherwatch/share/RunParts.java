package io.fisherwatch.share;

import io.fisherwatch.monitor.MonitorShare;
import io.fisherwatch.snapshot.RunSnapshot;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The parts of one run, as their records come in: of each the version of the highest (epoch,
 * sequence) that is complete, so that nothing counts twice, however often it is repeated. For one
 * thread.
 */
public final class RunParts {

  private final String run;
  private final SortedMap<Integer, PartVersions> byPartition = new TreeMap<>();

  /** No parts yet. */
  public RunParts(String run) {
    this.run = run;
  }

  /**
   * Takes in a record. A part's version counts once its header and every layer that the header
   * names are there; until then the one before it stands.
   *
   * @return whether a part became complete or newer by it
   * @throws ShareException if it is malformed or another run's, or completes a version that cannot
   *     be read; the parts are as they were
   */
  public boolean add(ShareRecord shared) throws ShareException {
    ShareCodec.Content content = ShareCodec.decode(shared);
    if (!content.key().run().equals(run)) {
      throw new ShareException(
          "key " + ShareKey.shown(shared.key()) + " is not of run " + ShareKey.shown(run));
    }
    return byPartition
        .computeIfAbsent(content.key().partition(), any -> new PartVersions())
        .add(content);
  }

  /** The latest complete version of every part, in the order of partitions. */
  public List<Part> parts() {
    return byPartition.values().stream().flatMap(part -> part.complete().stream()).toList();
  }

  /**
   * Merges the parts of the newest attempt in the order of partitions, each aged to the newest
   * checkpoint: by decay^(its ordinal − the part's). A part that has not come further than a
   * checkpoint of another model or other layers is left out, as one agent's estimates begin anew
   * there.
   *
   * @param nowSeconds Unix time of the figures
   * @return empty while no part has seen a batch
   * @throws IllegalArgumentException if parts at the same checkpoint have different models or
   *     layers; the message names the first difference
   */
  public Optional<MergedRun> merge(double nowSeconds) {
    List<Part> all = parts();
    int attempt = all.stream().mapToInt(part -> part.stamp().attempt()).max().orElse(-1);
    List<Part> current = all.stream().filter(part -> part.stamp().attempt() == attempt).toList();
    Optional<Part> newest =
        current.stream()
            .max(
                Comparator.comparingLong((Part part) -> part.stamp().ordinal())
                    .thenComparingDouble(part -> part.stamp().checkpointTimeSeconds()));
    return newest.flatMap(one -> merge(one, alike(one, current), nowSeconds));
  }

  private static List<Part> alike(Part newest, List<Part> parts) {
    return parts.stream()
        .filter(
            part ->
                part.stamp().ordinal() == newest.stamp().ordinal()
                    || newest.share().difference(part.share()).isEmpty())
        .toList();
  }

  private Optional<MergedRun> merge(Part newest, List<Part> parts, double nowSeconds) {
    double[] factors = new double[parts.size()];
    List<MonitorShare> shares = new ArrayList<>();
    for (int i = 0; i < factors.length; i++) {
      ShareStamp stamp = parts.get(i).stamp();
      factors[i] = Math.pow(stamp.decay(), (double) (newest.stamp().ordinal() - stamp.ordinal()));
      shares.add(parts.get(i).share());
    }
    MonitorShare merged = MonitorShare.merge(shares, factors);
    if (merged.isFresh()) {
      return Optional.empty();
    }
    List<ShareStamp> stamps = parts.stream().map(Part::stamp).toList();
    long step = stamps.stream().mapToLong(ShareStamp::checkpointStep).max().orElseThrow();
    long batchStep = stamps.stream().mapToLong(ShareStamp::batchStep).max().orElseThrow();
    RunSnapshot snapshot =
        new RunSnapshot(
            run,
            newest.stamp().attempt(),
            step,
            batchStep,
            newest.stamp().checkpointTimeSeconds(),
            nowSeconds,
            merged.effectiveBatches(),
            merged.lagSteps(Math.max(step, batchStep)),
            stamps.stream().anyMatch(ShareStamp::ended),
            merged.figures());
    int agents = (int) stamps.stream().map(ShareStamp::agent).distinct().count();
    return Optional.of(new MergedRun(snapshot, agents, stamps.size(), stamps));
  }
}
