package io.fisherwatch.snapshot;

import java.util.Optional;

/** Knows who has which partition. For any thread. */
@FunctionalInterface
public interface PartitionSource {

  /**
   * What is known.
   *
   * @param owners the latest that is known; empty if nothing ever was
   * @param trouble why nothing newer is known; empty if nothing is wrong
   */
  record Answer(Optional<PartitionOwners> owners, Optional<String> trouble) {}

  /** The latest that is known. Waits for the broker briefly, if at all. */
  Answer partitions();
}
