package io.fisherwatch.monitor;

import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.snapshot.Estimate;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
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
  private final boolean apart;
  private final List<DiagonalSums> lanes = new ArrayList<>();
  private final Map<Part, DiagonalArray> sums = new LinkedHashMap<>();

  /** The matrices that squares are part of, and whether the squares are random. */
  private record Part(Set<Estimate> matrices, boolean random) {}

  /**
   * @param apart whether random squares are kept apart from the others, so that further probes can
   *     be averaged in
   */
  DiagonalSums(Model model, Set<Estimate> wanted, boolean apart) {
    this.model = model;
    this.apart = apart;
    this.wanted = wanted;
  }

  /** Where a term's squares go; null if they are part of no matrix that is wanted. */
  @Nullable DiagonalArray of(Term term, boolean random) {
    EnumSet<Estimate> matrices = EnumSet.noneOf(Estimate.class);
    for (Quantity quantity : term.addsTo()) {
      quantity.estimate().filter(wanted::contains).ifPresent(matrices::add);
    }
    return matrices.isEmpty() ? null : array(matrices, random && apart);
  }

  /** The sums of the only matrix wanted, as one array. */
  DiagonalArray only() {
    if (wanted.size() != 1) {
      throw new IllegalStateException("diagonals of " + wanted + " are kept, not of one matrix");
    }
    if (apart) {
      throw new IllegalStateException("the diagonal is in two arrays");
    }
    return array(wanted, false);
  }

  /** Multiplies what is random. */
  void scaleRandom(double factor) {
    for (Map.Entry<Part, DiagonalArray> entry : sums.entrySet()) {
      if (entry.getKey().random()) {
        entry.getValue().scale(factor);
      }
    }
  }

  private DiagonalArray array(Set<Estimate> matrices, boolean random) {
    return sums.computeIfAbsent(new Part(matrices, random), any -> model.newDiagonal());
  }

  /** Adds everything that is part of a matrix, multiplied with a factor. */
  void addTo(DiagonalArray target, Estimate matrix, double factor) {
    for (Map.Entry<Part, DiagonalArray> entry : sums.entrySet()) {
      if (entry.getKey().matrices().contains(matrix)) {
        target.add(entry.getValue(), factor);
      }
    }
  }

  /** Sums of one lane's own; the first lane's are these. Made before the lanes run. */
  DiagonalSums lane(int lane) {
    while (lanes.size() < lane) {
      lanes.add(new DiagonalSums(model, wanted, apart));
    }
    return lane == 0 ? this : lanes.get(lane - 1);
  }

  /** Adds what the lanes have summed, in their order, and empties them. */
  void collectLanes() {
    for (DiagonalSums lane : lanes) {
      for (Map.Entry<Part, DiagonalArray> entry : lane.sums.entrySet()) {
        array(entry.getKey().matrices(), entry.getKey().random()).add(entry.getValue(), 1);
      }
      lane.clear();
    }
  }

  /** Sets all to zero. */
  void clear() {
    sums.values().forEach(DiagonalArray::clear);
  }

  @Override
  public void close() {
    lanes.forEach(DiagonalSums::close);
    sums.values().forEach(DiagonalArray::close);
  }
}
