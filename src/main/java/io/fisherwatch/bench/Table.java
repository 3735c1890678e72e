package io.fisherwatch.bench;

import java.util.List;

/** A table in Markdown. */
final class Table {

  private final int columns;
  private final StringBuilder text = new StringBuilder();

  /** A table without rows yet. */
  Table(String... columns) {
    this.columns = columns.length;
    line(List.of(columns));
    text.append("| --- ".repeat(columns.length)).append("|\n");
  }

  /** Adds a row of as many cells as there are columns. */
  Table row(String... cells) {
    if (cells.length != columns) {
      throw new IllegalArgumentException(cells.length + " cells in a table of " + columns);
    }
    line(List.of(cells));
    return this;
  }

  private void line(List<String> cells) {
    text.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
