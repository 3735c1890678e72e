package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A forward pass that holds on to its layers' outputs and inputs, so that every example's gradient
 * follows from one backward pass. No weight's gradient is computed on the way.
 */
final class TorchExamplePass implements ExamplePass {

  private final TorchModel model;
  private final TorchForwardPass pass;
  private final TappedOutputs taps;
  private final PtNDManager manager;

  /**
   * @param pass the pass of which this is more
   */
  TorchExamplePass(
      TorchModel model, TorchForwardPass pass, TappedOutputs taps, PtNDManager manager) {
    this.model = model;
    this.pass = pass;
    this.taps = taps;
    this.manager = manager;
  }

  /** What the taps take. */
  long bytes() {
    return taps.bytes();
  }

  @Override
  public Logits logits() {
    return pass.logits();
  }

  @Override
  public Gradient pullBack(
      Cotangents cotangents, @Nullable DiagonalArray squares, @Nullable GradientMemory memory)
      throws ModelException {
    return pass.pullBack(cotangents, squares, memory);
  }

  @Override
  public List<Gradient> pullBackTogether(List<Cotangents> all, boolean compared)
      throws ModelException {
    return pass.pullBackTogether(all, compared);
  }

  @Override
  public int pullsTogether() {
    return Math.max(copies(), taps.pullsTogether());
  }

  /** How many copies are worth it for as many pulls. */
  int copies() {
    return pass.copies().most(taps);
  }

  @Override
  public List<List<Gradient>> pullBackEach(List<Pull> pulls) throws ModelException {
    if (pulls.size() > 1 && pulls.size() <= pullsTogether()) {
      Optional<List<List<Gradient>>> together = together(pulls);
      if (together.isPresent()) {
        return together.get();
      }
    }
    List<List<Gradient>> gradients = new ArrayList<>();
    for (Pull pull : pulls) {
      Optional<List<Gradient>> tapped = contract(pull.cotangents(), pull.squares());
      gradients.add(
          tapped.isPresent() ? tapped.get() : oneByOne(pull.cotangents(), pull.squares()));
    }
    return gradients;
  }

  /**
   * By one pass over as many copies of the examples, or a backward pass for each whose squares are
   * made together; empty if something could overflow.
   */
  private Optional<List<List<Gradient>>> together(List<Pull> pulls) throws ModelException {
    int examples = logits().examples();
    List<long[]> groups = new ArrayList<>();
    NDList sums = new NDList();
    @Nullable DiagonalArray before = null;
    for (Pull pull : pulls) {
      DiagonalArray squares = pull.squares();
      if (!groups.isEmpty() && squares == before) {
        groups.get(groups.size() - 1)[0] += examples;
        groups.get(groups.size() - 1)[2]++;
        continue;
      }
      groups.add(new long[] {examples, squares == null ? 0 : 1, 1});
      if (squares != null) {
        sums.addAll(((TorchDiagonal) squares).arrays());
      }
      before = squares;
    }
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      if (sums.isEmpty()) {
        sums.add(scope.create(0f));
      }
      Optional<TappedOutputs> outputs =
          pulls.size() <= copies() ? pass.copies().forward(pulls.size(), scope) : Optional.of(taps);
      if (outputs.isEmpty()) {
        return Optional.empty();
      }
      NDArray cotangents = pass.onCopies(pulls.stream().map(Pull::cotangents).toList(), scope);
      return outputs
          .get()
          .squares(cotangents, groups.toArray(long[][]::new), sums, scope)
          .map(norms -> split(gradients(norms), examples));
    }
  }

  private static List<List<Gradient>> split(List<Gradient> gradients, int examples) {
    List<List<Gradient>> split = new ArrayList<>();
    for (int from = 0; from < gradients.size(); from += examples) {
      split.add(gradients.subList(from, from + examples));
    }
    return split;
  }

  /** One pull, by the taps and nothing else: empty, with nothing added, if something overflows. */
  Optional<List<Gradient>> contract(Cotangents cotangents, @Nullable DiagonalArray squares)
      throws ModelException {
    long[][] all = {{logits().examples(), squares == null ? 0 : 1, 1}};
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      NDList sums = TorchForwardPass.sums(squares, scope);
      return taps.squares(pass.onDevice(cotangents, scope), all, sums, scope).map(this::gradients);
    }
  }

  private List<Gradient> gradients(double[] norms) {
    ParameterTable table = model.table();
    int width = table.trainable();
    List<Gradient> gradients = new ArrayList<>();
    for (int start = 0; start < norms.length; start += width) {
      double[] squared = new double[table.parameters().size()];
      for (int i = 0; i < squared.length; i++) {
        squared[i] = table.slot(i) < 0 ? -1 : norms[start + table.slot(i)];
      }
      gradients.add(Gradient.finite(squared));
    }
    return gradients;
  }

  /** Something overflows, or is not finite already: the plain way counts what and where. */
  private List<Gradient> oneByOne(Cotangents cotangents, @Nullable DiagonalArray squares)
      throws ModelException {
    Logits logits = pass.logits();
    List<Gradient> gradients = new ArrayList<>();
    Cotangents one = new Cotangents(logits);
    for (int example = 0; example < logits.examples(); example++) {
      one.clear();
      for (int position = 0; position < logits.positions(); position++) {
        int row = example * logits.positions() + position;
        one.set(row, cotangents.row(row));
      }
      gradients.add(pass.pullBack(one, squares, null));
    }
    return gradients;
  }

  @Override
  public void close() {
    pass.close();
  }
}
