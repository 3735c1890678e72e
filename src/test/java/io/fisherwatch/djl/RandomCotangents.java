package io.fisherwatch.djl;

import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.Logits;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Cotangents between −1 and 1, the same each time. */
public final class RandomCotangents {

  private RandomCotangents() {}

  /** So many for every row. */
  public static List<Cotangents> of(Logits logits, int count) {
    SplittableRandom random = new SplittableRandom(5);
    List<Cotangents> all = new ArrayList<>();
    for (int k = 0; k < count; k++) {
      Cotangents one = new Cotangents(logits);
      for (int row = 0; row < logits.rows(); row++) {
        one.set(row, random.doubles(logits.classes(), -1, 1).toArray());
      }
      all.add(one);
    }
    return all;
  }
}
