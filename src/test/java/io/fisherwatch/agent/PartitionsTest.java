package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.snapshot.OwnedPartition;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.state.StateStore;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PartitionsTest {

  @TempDir private Path folder;

  private Partitions partitions(boolean withState) {
    SnapshotBoard board = new SnapshotBoard(10);
    StateKeeper keeper = new StateKeeper(board, 1, System::nanoTime, seconds -> {});
    StateStore store = withState ? new StateStore(folder, "group") : null;
    Partitions.Kind none =
        name -> {
          throw new IllegalStateException("no run was expected, and least of all " + name);
        };
    return new Partitions(none, board, store, keeper, (counts, times) -> {});
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void places_partitionsComeAndGo_areThoseThatAreOurs(boolean withState) {
    try (Partitions partitions = partitions(withState)) {
      assertThat(partitions.places()).isEmpty();
      partitions.assigned("events", 11, 1);
      partitions.assigned("events", 2, 2);
      assertThat(partitions.places())
          .containsExactly(new OwnedPartition("events", 2), new OwnedPartition("events", 11));
      partitions.released("events", 2);
      assertThat(partitions.places()).containsExactly(new OwnedPartition("events", 11));
      partitions.lost("events", 11);
      assertThat(partitions.places()).isEmpty();
      partitions.assigned("events", 11, 3);
      assertThat(partitions.places()).containsExactly(new OwnedPartition("events", 11));
    }
  }
}
