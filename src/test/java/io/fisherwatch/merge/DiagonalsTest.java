package io.fisherwatch.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.files.FileRoots;
import io.fisherwatch.monitor.Shares;
import io.fisherwatch.monitor.StateFile;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.share.RunParts;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiagonalsTest {

  @TempDir private Path folder;
  private final SnapshotBoard board = new SnapshotBoard(10);
  private final MergedRuns merged = new MergedRuns(board);
  private Path states;
  private Path out;
  private Diagonals diagonals;

  @BeforeEach
  void start() throws Exception {
    states = Files.createDirectory(folder.resolve("states"));
    out = folder.resolve("out");
    diagonals = Diagonals.in(out, new FileRoots(List.of(states)), merged, 5);
  }

  @AfterEach
  void stop() {
    diagonals.close();
  }

  private Path state(String name, int batches, long seed) throws Exception {
    return new StateFile().batches(batches, seed).write(states.resolve(name + ".safetensors"));
  }

  /** Two parts: their files and the ordinals of these. */
  private void publish(Path first, long firstOrdinal, Path second, long secondOrdinal)
      throws Exception {
    RunParts parts = new RunParts("run");
    Path[] files = {first, second};
    long[] ordinals = {firstOrdinal, secondOrdinal};
    for (int part = 0; part < files.length; part++) {
      TestShares shares =
          TestShares.of("run", part, "agent-" + part)
              .diagonal(files[part].toUri().toString(), ordinals[part]);
      for (ShareRecord shared : shares.records(Shares.of(1, 2))) {
        parts.add(shared);
      }
    }
    merged.publish(0, parts.merge(1).orElseThrow());
  }

  private double head() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    assertThat(diagonals.writeTo("run", bytes)).isTrue();
    Map<String, HostTensor> tensors = SafetensorsReader.decode(bytes.toByteArray(), "merged");
    assertThat(tensors).containsKeys("fisher/head", "standard-error/head");
    return tensors.get("fisher/head").toDoubles()[0];
  }

  private static double head(Path file) throws Exception {
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      return reader.read("diagonal-mean/head").toDoubles()[0];
    }
  }

  private Optional<DiagonalFigure> figure() {
    return board.run("run").orElseThrow().figures().total().diagonal();
  }

  @Test
  void look_atTwoParts_mergesThemAndShowsTheirDensity() throws Exception {
    Path first = state("a", 4, 1);
    Path second = state("b", 4, 2);
    publish(first, 3, second, 3);
    assertThat(figure()).isEmpty();
    diagonals.look();
    assertThat(head())
        .isBetween(Math.min(head(first), head(second)), Math.max(head(first), head(second)));
    assertThat(merged.isRepainted("run")).isTrue();
    publish(first, 3, second, 3);
    assertThat(figure().orElseThrow().quantiles()).containsKey(0.5);
    assertThat(merged.isRepainted("run")).isFalse();
    Files.delete(first);
    diagonals.look();
    assertThat(diagonals.warning()).as("files that have been merged are not read again").isEmpty();
    try (Stream<Path> files = Files.list(out)) {
      assertThat(files).containsExactly(out.resolve("run.safetensors"));
    }
  }

  /** With a decay of 0.5, 40 checkpoints leave nothing that float32 could show. */
  @Test
  void part_thatIsFarBehind_hasAged() throws Exception {
    Path first = state("a", 4, 1);
    Path second = state("b", 4, 2);
    publish(first, 0, second, 40);
    diagonals.look();
    assertThat(head()).isEqualTo(head(second));
  }

  @Test
  void file_thatIsGone_leavesTheDiagonalAndIsTriedAgain() throws Exception {
    Path first = state("a", 4, 1);
    publish(first, 0, state("b", 4, 2), 0);
    diagonals.look();
    double before = head();
    Path newer = states.resolve("newer.safetensors");
    publish(first, 0, newer, 0);
    diagonals.look();
    assertThat(head()).isEqualTo(before);
    assertThat(diagonals.warning().orElseThrow()).contains("run run", "newer.safetensors");
    state("newer", 9, 3);
    diagonals.look();
    assertThat(head()).isNotEqualTo(before);
    assertThat(diagonals.warning()).isEmpty();
  }

  @Test
  void file_outsideTheRoots_isNotRead() throws Exception {
    Path outside = new StateFile().batches(3, 1).write(folder.resolve("outside.safetensors"));
    publish(state("a", 4, 1), 0, outside, 0);
    diagonals.look();
    assertThat(diagonals.writeTo("run", new ByteArrayOutputStream())).isFalse();
    assertThat(diagonals.warning().orElseThrow()).contains("does not lie under");
  }

  @Test
  void run_thatGoes_takesItsFileAlong() throws Exception {
    publish(state("a", 4, 1), 0, state("b", 4, 2), 0);
    diagonals.look();
    assertThat(out.resolve("run.safetensors")).exists();
    merged.remove("run");
    assertThat(diagonals.writeTo("run", new ByteArrayOutputStream())).isFalse();
    diagonals.look();
    assertThat(out.resolve("run.safetensors")).doesNotExist();
  }
}
