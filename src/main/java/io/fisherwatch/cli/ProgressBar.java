package io.fisherwatch.cli;

import io.fisherwatch.monitor.Progress;
import java.io.PrintStream;

/** Progress on stderr: a bar with the time left on a terminal, a line now and then elsewhere. */
final class ProgressBar implements Progress {

  private static final int WIDTH = 30;
  private static final long BAR_NANOS = 100_000_000L;
  private static final long LINE_NANOS = 10_000_000_000L;

  private final PrintStream out;
  private final boolean terminal;
  private final String what;
  private final int batches;
  private final long start = System.nanoTime();
  private long lastShown = start;
  private int batch;
  private boolean shown;

  ProgressBar(PrintStream out, String what, int batches) {
    this.out = out;
    this.terminal = isTerminal();
    this.what = what;
    this.batches = batches;
  }

  /** From Java 22 on there is a console without a terminal, too; the shell's TERM then decides. */
  @SuppressWarnings("SystemConsoleNull")
  private static boolean isTerminal() {
    String term = System.getenv("TERM");
    return System.console() != null && term != null && !term.equals("dumb");
  }

  @Override
  public void examplesDone(int done, int examples) {
    double share = (batch + (double) done / examples) / batches;
    long now = System.nanoTime();
    if (now - lastShown >= (terminal ? BAR_NANOS : LINE_NANOS)) {
      lastShown = now;
      show(share, now);
    }
    if (done == examples) {
      batch++;
    }
  }

  private void show(double share, long now) {
    shown = true;
    double elapsed = (now - start) / 1e9;
    String left = String.format("%.0f s left", elapsed / share * (1 - share));
    if (terminal) {
      int filled = (int) (share * WIDTH);
      String bar = "#".repeat(filled) + ".".repeat(WIDTH - filled);
      out.printf("\r%s [%s] %3.0f %%, %s  ", what, bar, 100 * share, left);
    } else {
      out.printf("%s: %.0f %%, %s%n", what, 100 * share, left);
    }
    out.flush();
  }

  /** Ends the bar's line. */
  void end() {
    if (terminal && shown) {
      out.print("\r" + " ".repeat(what.length() + WIDTH + 30) + "\r");
      out.flush();
    }
  }
}
