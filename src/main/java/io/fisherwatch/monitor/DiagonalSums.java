package io.fisherwatch.monitor;

import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.snapshot.Estimate;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Sums of squared gradients on the device: one array for each set of matrices that terms add to, so
 * that every square is added once, whatever the number of matrices that it is part of. Float32.
 */
final class DiagonalSums implements AutoCloseable {

  private final Model model;
  private final Set<Estimate> wanted;
  private final Map<Set<Estimate>, DiagonalArray> sums = new LinkedHashMap<>();

  DiagonalSums(Model model, Set<Estimate> wanted) {
    this.model = model;
    this.wanted = wanted;
  }

  /** Where a term's squares go; null if they are part of no matrix that is wanted. */
  @Nullable DiagonalArray of(Term term) {
    EnumSet<Estimate> matrices = EnumSet.noneOf(Estimate.class);
    for (Quantity quantity : term.addsTo()) {
      quantity.estimate().filter(wanted::contains).ifPresent(matrices::add);
    }
    return matrices.isEmpty() ? null : sums.computeIfAbsent(matrices, any -> model.newDiagonal());
  }

  /** The sums of the only matrix wanted, as one array. */
  DiagonalArray only() {
    if (wanted.size() != 1) {
      throw new IllegalStateException("diagonals of " + wanted + " are kept, not of one matrix");
    }
    return sums.computeIfAbsent(wanted, any -> model.newDiagonal());
  }

  /** Adds everything that is part of a matrix. */
  void addTo(DiagonalArray target, Estimate matrix) {
    for (Map.Entry<Set<Estimate>, DiagonalArray> entry : sums.entrySet()) {
      if (entry.getKey().contains(matrix)) {
        target.add(entry.getValue());
      }
    }
  }

  /** Sets all to zero. */
  void clear() {
    sums.values().forEach(DiagonalArray::clear);
  }

  @Override
  public void close() {
    sums.values().forEach(DiagonalArray::close);
  }
}
