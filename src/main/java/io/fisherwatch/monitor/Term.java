package io.fisherwatch.monitor;

import io.fisherwatch.likelihood.Core;
import io.fisherwatch.likelihood.Probe;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * One positive part of the core matrix, squared alone: what its pull-backs' squares add to.
 *
 * @param id tells its randomness from that of the others
 * @param addsTo the matrices of which it is a part
 * @param rankOne whether the part has rank one in every row, so that its cotangent needs no more
 *     than a sign
 * @param part fills in a row's cotangent
 */
record Term(int id, Set<Quantity> addsTo, boolean rankOne, Part part) {

  /** Fills in the cotangent of one row; a rank-one part ignores the probe. */
  @FunctionalInterface
  interface Part {
    void fill(Core core, int label, Probe probe, double[] cotangent);
  }

  Term {
    EnumSet<Quantity> copy = EnumSet.noneOf(Quantity.class);
    copy.addAll(addsTo);
    addsTo = Collections.unmodifiableSet(copy);
  }
}
