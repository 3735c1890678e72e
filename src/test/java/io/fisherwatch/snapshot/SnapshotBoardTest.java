package io.fisherwatch.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SnapshotBoardTest {

  private static final DiagonalFigure DIAGONAL =
      new DiagonalFigure(Map.of(), Map.of("zero", 1.0), Map.of(), Map.of());

  private static LayerFigures layer(String name) {
    return new LayerFigures(
        name,
        1,
        1,
        0,
        Map.of(),
        Map.of(),
        Optional.of(DIAGONAL),
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  private static RunSnapshot snapshot(int step, int layers) {
    List<LayerFigures> figures = new ArrayList<>();
    figures.add(layer(LayerFigures.TOTAL));
    for (int i = 1; i < layers; i++) {
      figures.add(layer("layer" + i));
    }
    Settings settings = new Settings("exact", 0, 1, 1, "rademacher", "plain", "", "");
    return new RunSnapshot(
        "run",
        1,
        step,
        step,
        step,
        step,
        1,
        0,
        false,
        new Figures(1, 1, 2, 1, 1, settings, new CoreFigures(0, 0, 1, 0), Map.of(), figures));
  }

  @Test
  void history_full_isThinnedInItsOlderHalf() {
    SnapshotBoard board = new SnapshotBoard(8);
    for (int step = 0; step < 9; step++) {
      board.published(snapshot(step, 2));
    }
    assertThat(board.history("run"))
        .extracting(HistoryPoint::step)
        .containsExactly(0L, 2L, 4L, 5L, 6L, 7L, 8L);
  }

  @Test
  void history_ofManyLayers_keepsFewerPoints() {
    SnapshotBoard board = new SnapshotBoard(1000);
    for (int step = 0; step < 200; step++) {
      board.published(snapshot(step, 1000));
    }
    assertThat(board.history("run").size()).isBetween(25, 50);
    assertThat(board.history("run").get(0).step()).isZero();
  }

  @Test
  void history_keepsTheDiagonalOfTheWholeModelOnly() {
    SnapshotBoard board = new SnapshotBoard(8);
    board.published(snapshot(0, 3));
    assertThat(board.history("run").get(0).layers())
        .extracting(LayerFigures::diagonal)
        .containsExactly(Optional.of(DIAGONAL), Optional.empty(), Optional.empty());
  }
}
