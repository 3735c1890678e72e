package io.fisherwatch.bench;

/** How long a benchmark may take. */
public enum Preset {
  /** Once, to see that everything runs: a minute or two. */
  QUICK,
  /** What goes into the page: at most twelve minutes on two cores. */
  STANDARD,
  /** More rounds and the largest sizes. */
  FULL;

  /** The number for this preset. */
  int pick(int quick, int standard, int full) {
    return switch (this) {
      case QUICK -> quick;
      case STANDARD -> standard;
      case FULL -> full;
    };
  }
}
