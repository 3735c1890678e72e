package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.Parameter;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of a pass's examples, one behind the other in one tapped pass. A pass over them that is
 * wanted again and again lives as long as the pass of which they are copies.
 */
final class Copies {

  private static final Logger LOG = LoggerFactory.getLogger(Copies.class);

  private final TorchBatch batch;
  private final PtNDManager manager;
  private final NDList slices;
  private final Logits logits;

  /** The pass over the number of copies that was last asked for, if there is one, and its owner. */
  private @Nullable TappedOutputs kept;

  private @Nullable PtNDManager owner;
  private int count;

  /** Whether a pass over copies has failed. */
  private boolean refused;

  /**
   * @param manager of the pass
   * @param slices the pass's inputs
   * @param logits the pass's
   */
  Copies(TorchBatch batch, PtNDManager manager, NDList slices, Logits logits) {
    this.batch = batch;
    this.manager = manager;
    this.slices = slices;
    this.logits = logits;
  }

  /** How many copies are worth it, of a pass with these taps; see {@link CopyBudget}. */
  int most(TappedOutputs taps) {
    return most(taps.rows(), taps.bytes());
  }

  /**
   * The tapped pass of so many copies, or of one if that is cheaper, for as many pulls; the same
   * one as long as the number is the same. Empty if the graph or the device does not take as many,
   * or the batch is one example, of which it may not be known whether the taps hold.
   */
  Optional<TappedOutputs> keep(int pulls) throws ModelException {
    if (batch.examples() == 1) {
      return Optional.empty();
    }
    if (pulls <= most(logits.rows(), 0) && pulls <= fitting()) {
      return kept(pulls);
    }
    Fitting together = batch.model().taps().pulls();
    List<Fitting.Kind> kinds = Fitting.Kind.of(slices);
    int known = together.of(kinds);
    if (refused || logits.examples() > batch.most() || (known > 0 && known < pulls)) {
      return Optional.empty();
    }
    Optional<TappedOutputs> one = kept(1);
    one.ifPresent(outputs -> together.learn(kinds, outputs.pullsTogether()));
    return one.filter(outputs -> pulls <= outputs.pullsTogether());
  }

  private Optional<TappedOutputs> kept(int copies) throws ModelException {
    if (count != copies) {
      if (owner != null) {
        owner.close();
      }
      PtNDManager scope = (PtNDManager) manager.newSubManager();
      owner = scope;
      count = copies;
      kept = forward(copies, scope).orElse(null);
      if (kept == null) {
        scope.close();
      }
    }
    return Optional.ofNullable(kept);
  }

  /** What one copy takes tells how many fit. */
  private int fitting() throws ModelException {
    Fitting copies = batch.model().taps().copies();
    List<Fitting.Kind> kinds = Fitting.Kind.of(slices);
    int known = copies.of(kinds);
    if (known > 0) {
      return known;
    }
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      Optional<TappedOutputs> one = forward(1, scope);
      if (one.isEmpty()) {
        return 1;
      }
      int found = most(one.get());
      copies.learn(kinds, found);
      return found;
    }
  }

  /**
   * A batch of one example does not tell whether examples are told apart. That it is not made with
   * copies even if another one has told keeps what comes of it from hanging on what came before.
   */
  private int most(long rows, long tapBytes) {
    TorchModel model = batch.model();
    if (batch.examples() == 1 || !model.taps().areProven() || refused) {
      return 1;
    }
    long parameters = model.parameters().stream().mapToLong(Parameter::elements).sum();
    return CopyBudget.copies(model.isOnGpu(), parameters, rows, tapBytes, logits.bytes());
  }

  /** The tapped pass of so many copies; empty if the graph or the device does not take as many. */
  Optional<TappedOutputs> forward(int copies, PtNDManager scope) throws ModelException {
    NDList repeated = new NDList();
    for (NDArray slice : slices) {
      NDArray joined = NDArrays.concat(new NDList(Collections.nCopies(copies, slice)), 0);
      joined.attach(scope);
      repeated.add(joined);
    }
    try {
      NDList results = batch.runTapped(repeated, scope);
      return Optional.of(
          new TappedOutputs(batch.model(), results, copies * logits.examples(), scope));
    } catch (ModelException e) {
      refused = true;
      LOG.warn("a pass over {} copies of a batch is made one by one: {}", copies, e.getMessage());
      return Optional.empty();
    }
  }
}
