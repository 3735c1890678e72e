package io.fisherwatch.monitor;

import static io.fisherwatch.monitor.Quantity.EMPIRICAL;
import static io.fisherwatch.monitor.Quantity.FISHER;
import static io.fisherwatch.monitor.Quantity.LOWER;
import static io.fisherwatch.monitor.Quantity.LOWER_GAP;
import static io.fisherwatch.monitor.Quantity.UPPER;
import static io.fisherwatch.monitor.Quantity.UPPER_GAP;

import io.fisherwatch.likelihood.Likelihood;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntFunction;

/**
 * An estimator, as the terms that it squares.
 *
 * <p>With M = diag(p) − ppᵀ the core matrix of one output and (λₖ, vₖ) its eigenpairs, largest
 * first, every estimator here splits three matrices into positive parts,
 *
 * <pre>
 *   lower  λ₁v₁v₁ᵀ
 *   F      λ₁v₁v₁ᵀ + (M − λ₁v₁v₁ᵀ)
 *   upper  λ₁v₁v₁ᵀ + (M − λ₁v₁v₁ᵀ) + ppᵀ
 * </pre>
 *
 * and differs only in which parts share a cotangent. A cotangent u with E u = 0 and E uuᵀ = A,
 * independent between outputs, pulls back to g = Σ Jᵀu with E g∘g = diag(Σ JᵀAJ): squares of parts
 * add up without cross terms (arXiv 2505.13614 for one cotangent; docs/mathematics.md for parts).
 *
 * @param terms what is squared
 * @param estimated the matrices whose traces come out; one without a term is exactly zero
 */
record Terms(List<Term> terms, Set<Quantity> estimated) {

  Terms {
    terms = List.copyOf(terms);
    EnumSet<Quantity> copy = EnumSet.noneOf(Quantity.class);
    copy.addAll(estimated);
    estimated = Collections.unmodifiableSet(copy);
  }

  /** The most rank-one parts that a core matrix of that many classes can have. */
  static int mostParts(Likelihood likelihood, int classes) {
    return isCategorical(likelihood) ? classes - 1 : classes;
  }

  /**
   * The terms of an estimator.
   *
   * @param labelled whether there are labels for the empirical matrix
   */
  static Terms of(
      EstimatorKind kind, int rank, Likelihood likelihood, int classes, boolean labelled) {
    Builder builder = new Builder(mostParts(likelihood, classes), isCategorical(likelihood));
    switch (kind) {
      case HUTCHINSON -> builder.hutchinson();
      case MONTE_CARLO -> builder.monteCarlo();
      case DEFLATED -> builder.deflated(rank);
      case EXACT -> builder.exact();
    }
    if (labelled) {
      builder.empirical();
    }
    return builder.build();
  }

  /** Plain whole-batch probes of F, upper and lower: what the bound √2 on their variation is of. */
  static Terms plain(Likelihood likelihood, int classes) {
    Builder builder = new Builder(mostParts(likelihood, classes), isCategorical(likelihood));
    builder.plain();
    builder.estimated.removeAll(EnumSet.of(LOWER_GAP, UPPER_GAP));
    return builder.build();
  }

  /** How many terms a plan squares once for each micro-batch, as they have no randomness there. */
  int once(Plan plan) {
    return plan.microBatch() > 1 ? 0 : (int) terms.stream().filter(Term::rankOne).count();
  }

  /** How many terms a plan squares for every probe. */
  int repeated(Plan plan) {
    return terms.size() - once(plan);
  }

  private static boolean isCategorical(Likelihood likelihood) {
    return likelihood.kind().equals("categorical");
  }

  /** Collects terms; {@code gapped} says whether upper differs from F, {@code single} lower not. */
  private static final class Builder {

    private final int mostParts;
    private final boolean gapped;
    private final boolean single;
    private final List<Term> terms = new ArrayList<>();
    private final EnumSet<Quantity> estimated =
        EnumSet.of(LOWER, FISHER, UPPER, LOWER_GAP, UPPER_GAP);

    Builder(int mostParts, boolean gapped) {
      this.mostParts = mostParts;
      this.gapped = gapped;
      this.single = mostParts == 1;
    }

    /** Each matrix from cotangents of its own: s∘ξ − p(s·ξ), s∘ξ, √λ₁v₁ξ. */
    void plain() {
      random(fisherAndEqual(), (core, label, probe, u) -> core.fisher(probe, u));
      if (gapped) {
        random(EnumSet.of(UPPER), (core, label, probe, u) -> core.upper(probe, u));
      }
      if (!single) {
        rankOne(EnumSet.of(LOWER), (core, label, probe, u) -> core.part(0, u));
      }
    }

    /** The plain probes, and one of its own for each gap. */
    void hutchinson() {
      plain();
      gaps();
    }

    /** Labels drawn from the output: e_y − p for F, ±e_y for upper. */
    void monteCarlo() {
      random(fisherAndEqual(), (core, label, probe, u) -> core.sampledLabel(probe, u));
      if (gapped) {
        random(EnumSet.of(UPPER), (core, label, probe, u) -> core.sampledUpper(probe, u));
      }
      if (!single) {
        rankOne(EnumSet.of(LOWER), (core, label, probe, u) -> core.part(0, u));
      }
      gaps();
    }

    /**
     * Every part alone, and nothing of them random: any split of what follows the first is good.
     */
    void exact() {
      split(mostParts, part -> (core, label, probe, u) -> core.exactPart(part, u));
    }

    /** Rank-one parts, a remainder, a complement: whatever is part of a matrix adds to it. */
    void deflated(int rank) {
      split(rank, part -> (core, label, probe, u) -> core.part(part, u));
    }

    private void split(int rank, IntFunction<Term.Part> parts) {
      if (rank == 0) {
        estimated.removeAll(EnumSet.of(LOWER, LOWER_GAP));
        random(EnumSet.of(FISHER, UPPER), (core, label, probe, u) -> core.rest(0, probe, u));
      }
      for (int k = 0; k < rank; k++) {
        rankOne(
            k == 0 ? EnumSet.of(LOWER, FISHER, UPPER) : EnumSet.of(FISHER, UPPER, LOWER_GAP),
            parts.apply(k));
      }
      if (rank > 0 && rank < mostParts) {
        random(
            EnumSet.of(FISHER, UPPER, LOWER_GAP),
            (core, label, probe, u) -> core.rest(rank, probe, u));
      }
      if (gapped) {
        rankOne(EnumSet.of(UPPER, UPPER_GAP), (core, label, probe, u) -> core.upperGap(u));
      }
    }

    void empirical() {
      estimated.add(EMPIRICAL);
      rankOne(EnumSet.of(EMPIRICAL), (core, label, probe, u) -> core.empirical(label, u));
    }

    Terms build() {
      return new Terms(terms, estimated);
    }

    private void gaps() {
      if (!single) {
        random(EnumSet.of(LOWER_GAP), (core, label, probe, u) -> core.remainder(1, probe, u));
      }
      if (gapped) {
        rankOne(EnumSet.of(UPPER_GAP), (core, label, probe, u) -> core.upperGap(u));
      }
    }

    /** F, and what is the same matrix for this output. */
    private EnumSet<Quantity> fisherAndEqual() {
      EnumSet<Quantity> same = EnumSet.of(FISHER);
      if (single) {
        same.add(LOWER);
      }
      if (!gapped) {
        same.add(UPPER);
      }
      return same;
    }

    private void random(Set<Quantity> addsTo, Term.Part part) {
      terms.add(new Term(terms.size(), addsTo, false, part));
    }

    private void rankOne(Set<Quantity> addsTo, Term.Part part) {
      terms.add(new Term(terms.size(), addsTo, true, part));
    }
  }
}
