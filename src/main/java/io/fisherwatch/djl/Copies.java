package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.Parameter;
import java.util.Collections;

/** Copies of a pass's examples, one behind the other in one tapped pass. */
final class Copies {

  private final TorchBatch batch;
  private final NDList slices;
  private final Logits logits;

  /**
   * @param slices the pass's inputs
   * @param logits the pass's
   */
  Copies(TorchBatch batch, NDList slices, Logits logits) {
    this.batch = batch;
    this.slices = slices;
    this.logits = logits;
  }

  /** How many copies are worth it; see {@link CopyBudget}. */
  int most(long tapBytes, long rows) {
    TorchModel model = batch.model();
    long parameters = model.parameters().stream().mapToLong(Parameter::elements).sum();
    return CopyBudget.copies(model.isOnGpu(), parameters, rows, tapBytes, bytes());
  }

  /** The tapped pass of so many copies. */
  TappedOutputs forward(int copies, PtNDManager scope) throws ModelException {
    NDList repeated = new NDList();
    for (NDArray slice : slices) {
      NDArray joined = NDArrays.concat(new NDList(Collections.nCopies(copies, slice)), 0);
      joined.attach(scope);
      repeated.add(joined);
    }
    NDList results = batch.runTapped(repeated, scope);
    return new TappedOutputs(batch.model(), results, copies * logits.examples(), scope);
  }

  /** The examples of one copy. */
  int examples() {
    return logits.examples();
  }

  private long bytes() {
    return (long) logits.rows() * logits.classes() * (logits.isDouble() ? 8 : 4);
  }
}
