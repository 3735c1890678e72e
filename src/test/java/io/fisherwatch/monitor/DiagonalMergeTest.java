package io.fisherwatch.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.snapshot.DiagonalFigure;
import io.fisherwatch.snapshot.LayerFigures;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DiagonalMergeTest {

  @TempDir private Path folder;

  private record Merged(Map<String, HostTensor> tensors, Map<String, DiagonalFigure> figures) {}

  /** Merges files, each aged by a factor. */
  private static Merged merge(int chunk, List<Path> files, double... factors) throws IOException {
    List<SafetensorsReader> readers = new ArrayList<>();
    try {
      List<DiagonalPart> parts = new ArrayList<>();
      for (int i = 0; i < files.size(); i++) {
        readers.add(SafetensorsReader.open(files.get(i)));
        parts.add(DiagonalPart.of(readers.get(i), factors[i]).orElseThrow());
      }
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      Map<String, DiagonalFigure> figures = DiagonalMerge.of(parts, chunk).writeTo(out, 1);
      return new Merged(SafetensorsReader.decode(out.toByteArray(), "merged"), figures);
    } finally {
      for (SafetensorsReader reader : readers) {
        reader.close();
      }
    }
  }

  private Path file(String name, StateFile state) throws IOException {
    return state.write(folder.resolve(name + ".safetensors"));
  }

  private static double[] values(Merged merged, String group) {
    List<Double> all = new ArrayList<>();
    for (String name : StateFile.NAMES) {
      for (double value : merged.tensors().get(group + "/" + name).toDoubles()) {
        all.add(value);
      }
    }
    return all.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static void assertAre(StateFile expected, Merged merged) {
    double[] means = values(merged, "fisher");
    double[] errors = values(merged, "standard-error");
    for (int entry = 0; entry < StateFile.ENTRIES; entry++) {
      double mean = expected.mean(entry);
      double error = expected.standardError(entry);
      assertThat(means[entry]).as("mean %d", entry).isCloseTo(mean, within(1e-6 * mean));
      assertThat(errors[entry]).as("error %d", entry).isCloseTo(error, within(1e-5 * error));
    }
  }

  /** Chunks of 4 and 1 cut every tensor, whose 35, 11 and 3 entries they do not divide. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4, 35, 1000})
  void merge_ofThreeParts_isWhatOneMonitorWouldHold(int chunk) throws Exception {
    Merged merged =
        merge(
            chunk,
            List.of(
                file("a", new StateFile().batches(5, 1)),
                file("b", new StateFile().batches(1, 2)),
                file("c", new StateFile().batches(9, 3))),
            1,
            0.25,
            0.5);
    StateFile whole =
        new StateFile()
            .batches(5, 1)
            .merge(new StateFile().batches(1, 2).age(0.25))
            .merge(new StateFile().batches(9, 3).age(0.5));
    assertAre(whole, merged);
    assertThat(merged.tensors().get("fisher/a.weight").shape()).containsExactly(7, 5);
  }

  @Test
  void merge_ofOnePart_isItsOwnDiagonal() throws Exception {
    Path file = file("a", new StateFile().batches(6, 4));
    ByteArrayOutputStream own = new ByteArrayOutputStream();
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      assertThat(SavedMonitor.writeDiagonal(reader, own)).isTrue();
    }
    Merged merged = merge(4, List.of(file), 1);
    Map<String, HostTensor> expected = SafetensorsReader.decode(own.toByteArray(), "own");
    assertThat(merged.tensors().keySet()).containsExactlyInAnyOrderElementsOf(expected.keySet());
    assertThat(values(merged, "fisher"))
        .containsExactly(values(new Merged(expected, Map.of()), "fisher"));
  }

  @Test
  void figures_ofChunks_areThoseOfTheWhole() throws Exception {
    List<Path> files =
        List.of(file("a", new StateFile().batches(5, 5)), file("b", new StateFile().batches(6, 6)));
    Map<String, DiagonalFigure> cut = merge(3, files, 1, 0.5).figures();
    assertThat(cut).isEqualTo(merge(1000, files, 1, 0.5).figures());
    assertThat(cut.keySet()).containsExactlyInAnyOrder("body", "head", LayerFigures.TOTAL);
    double[] head = values(merge(3, files, 1, 0.5), "fisher");
    double median = java.util.Arrays.stream(head, 35, 46).sorted().toArray()[5];
    assertThat(cut.get("head").quantiles().get(0.5)).isCloseTo(median, within(0.01 * median));
    DiagonalFigure total = cut.get(LayerFigures.TOTAL);
    assertThat(total.density().values().stream().mapToDouble(share -> share).sum())
        .isCloseTo(1, within(1e-12));
    assertThat(total.undeterminedShare()).containsOnlyKeys("1e-05", "relative");
    assertThat(total.undeterminedShare().get("relative")).isBetween(0.01, 0.5);
  }

  @Test
  void merge_ofLessThanTwoBatches_hasNoErrors() throws Exception {
    Merged merged = merge(4, List.of(file("a", new StateFile().batches(1, 7))), 1);
    assertThat(merged.tensors().keySet()).allMatch(name -> name.startsWith("fisher/"));
    assertThat(merged.figures().get("head").undeterminedShare().get("1e-05")).isBetween(0.0, 1.0);
  }

  @Test
  void part_ofWhichNothingIsLeft_isNone() throws Exception {
    try (SafetensorsReader reader =
        SafetensorsReader.open(file("a", new StateFile().batches(3, 8)))) {
      assertThat(DiagonalPart.of(reader, 0)).isEmpty();
    }
  }

  @Test
  void parts_ofDifferentModels_areRefused() throws Exception {
    List<Path> files =
        List.of(
            file("a", new StateFile().batches(2, 9)),
            file("b", new StateFile().batches(2, 9).model("a.weight [7, 5] of layer other\n")));
    assertThatThrownBy(() -> merge(4, files, 1, 1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("different models")
        .hasMessageContaining("of layer other");
  }

  @Test
  void file_thatIsNoState_isRefused() throws Exception {
    Path other = folder.resolve("other.safetensors");
    try (OutputStream out = Files.newOutputStream(other)) {
      SafetensorsWriter.write(out, Map.of(), List.of());
    }
    try (SafetensorsReader reader = SafetensorsReader.open(other)) {
      assertThatThrownBy(() -> DiagonalPart.of(reader, 1))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("no monitor's state");
    }
  }

  /** What is in memory does not grow with the tensors: a chunk, whatever they are. */
  @Test
  void chunk_ofSomeEntries_isAllThatIsHeld() {
    MergedChunk chunk = new MergedChunk(100);
    assertThat(chunk.capacity()).isEqualTo(100);
    assertThat(DiagonalMerge.BYTES_PER_ENTRY * (long) DiagonalMerge.CHUNK_ENTRIES)
        .isLessThan(16L << 20);
  }
}
