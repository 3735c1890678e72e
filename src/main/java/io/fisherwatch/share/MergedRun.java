package io.fisherwatch.share;

import io.fisherwatch.snapshot.RunSnapshot;
import java.util.List;

/**
 * A run's parts together.
 *
 * @param snapshot the figures as of one agent that had seen every part's batches
 * @param agents distinct agents among the parts
 * @param parts how many parts these are
 * @param stamps of the parts, in the order of partitions
 */
public record MergedRun(RunSnapshot snapshot, int agents, int parts, List<ShareStamp> stamps) {

  public MergedRun {
    stamps = List.copyOf(stamps);
  }
}
