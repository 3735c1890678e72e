package io.fisherwatch.djl;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.GradientMemory;
import io.fisherwatch.runtime.Logits;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.Parameter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One forward pass with the graph that differentiates it. */
final class TorchForwardPass implements ForwardPass {

  private final TorchModel model;
  private final PtNDManager manager;
  private final NDArray output;
  private final Logits logits;
  private final Copies copies;

  /**
   * @param output the logits on the device, with the graph behind them
   * @param copies of the pass's examples
   */
  TorchForwardPass(
      TorchModel model, PtNDManager manager, NDArray output, Logits logits, Copies copies) {
    this.model = model;
    this.manager = manager;
    this.output = output;
    this.logits = logits;
    this.copies = copies;
  }

  Copies copies() {
    return copies;
  }

  /** The logits on the device, with the graph behind them. */
  NDArray output() {
    return output;
  }

  /** The parameters' names, in the order of figures per parameter. */
  List<String> names() {
    return model.parameters().stream().map(Parameter::name).toList();
  }

  @Override
  public Logits logits() {
    return logits;
  }

  @Override
  public Gradient pullBack(
      Cotangents cotangents, @Nullable DiagonalArray squares, @Nullable GradientMemory memory)
      throws ModelException {
    ParameterTable table = model.table();
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      NDList reduced =
          model
              .kernels()
              .call(
                  scope,
                  "squares",
                  output,
                  onDevice(cotangents, scope),
                  new boolean[] {squares != null, memory != null},
                  table.shares(),
                  table.differentiated(),
                  sums(squares, scope));
      double[][] products =
          memory == null ? new double[0][] : compare(scope, reduced, (TorchGradientMemory) memory);
      return gradient(
          table, reduced.get(0).toDoubleArray(), reduced.get(1).toLongArray(), products);
    } catch (EngineException e) {
      throw notPulledBack(e);
    }
  }

  @Override
  public List<Gradient> pullBackTogether(List<Cotangents> all, boolean compared)
      throws ModelException {
    ParameterTable table = model.table();
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      Optional<NDList> copied = productsOfCopies(all, compared, scope);
      NDList results = copied.isPresent() ? copied.get() : productsOneByOne(all, compared, scope);
      double[] products = results.get(0).toDoubleArray();
      long[] reached = results.get(1).toLongArray();
      long[] nonFinite = results.get(2).toLongArray();
      int width = compared ? all.size() : 1;
      List<Gradient> gradients = new ArrayList<>();
      for (int k = 0; k < all.size(); k++) {
        double[] norms = new double[reached.length];
        double[][] before = new double[compared ? k : 0][];
        for (int slot = 0; slot < norms.length; slot++) {
          int row = (slot * all.size() + k) * width;
          norms[slot] = reached[slot] == 1 ? products[row + (compared ? k : 0)] : -1;
        }
        for (int back = 1; back <= before.length; back++) {
          before[back - 1] = table.byParameter(column(products, width, k, k - back, norms.length));
        }
        long[] counts = Arrays.copyOfRange(nonFinite, k * reached.length, (k + 1) * reached.length);
        gradients.add(gradient(table, norms, counts, before));
      }
      return gradients;
    } catch (EngineException e) {
      throw notPulledBack(e);
    }
  }

  private static ModelException notPulledBack(EngineException e) {
    return Kernels.failure("no-gradient", "the graph cannot be pulled back", e);
  }

  private NDList productsOneByOne(List<Cotangents> all, boolean compared, PtNDManager scope) {
    return model
        .kernels()
        .call(
            scope,
            "products_together",
            output,
            onDevice(all, new Shape(all.size()).addAll(output.getShape()), scope),
            new boolean[] {compared},
            model.table().shares(),
            model.table().differentiated());
  }

  /** By a tapped pass of the examples, or of copies of them, if it can be and nothing overflows. */
  private Optional<NDList> productsOfCopies(
      List<Cotangents> all, boolean compared, PtNDManager scope) throws ModelException {
    if (all.size() == 1 || !model.taps().multiplies()) {
      return Optional.empty();
    }
    Optional<TappedOutputs> tapped = copies.keep(all.size());
    if (tapped.isEmpty()) {
      return Optional.empty();
    }
    NDList results = tapped.get().products(onCopies(all, scope), all.size(), compared, scope);
    if (results.get(2).getLong() != 0) {
      return Optional.empty();
    }
    long[] nonFinite = new long[all.size() * model.table().trainable()];
    NDArray none = scope.create(nonFinite);
    return Optional.of(new NDList(results.get(0), results.get(1), none));
  }

  /** The inner products of two gradients, by place among the gradients' tensors. */
  private static double[] column(double[] products, int count, int row, int column, int tensors) {
    double[] values = new double[tensors];
    Arrays.setAll(values, i -> products[(i * count + row) * count + column]);
    return values;
  }

  static NDList sums(@Nullable DiagonalArray squares, PtNDManager scope) {
    return squares == null ? new NDList(scope.create(0f)) : ((TorchDiagonal) squares).arrays();
  }

  NDArray onDevice(Cotangents cotangents, PtNDManager scope) {
    check(cotangents);
    return scope.create(cotangents.data(), output.getShape(), type(cotangents));
  }

  /** Cotangents of copies of the examples, one behind the other. */
  NDArray onCopies(List<Cotangents> all, PtNDManager scope) {
    long[] shape = output.getShape().getShape().clone();
    shape[0] *= all.size();
    return onDevice(all, new Shape(shape), scope);
  }

  private NDArray onDevice(List<Cotangents> all, Shape shape, PtNDManager scope) {
    int bytes = all.stream().mapToInt(one -> one.data().remaining()).reduce(0, Math::addExact);
    ByteBuffer data = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    for (Cotangents one : all) {
      check(one);
      data.put(one.data());
    }
    return scope.create(data.flip(), shape, type(all.get(0)));
  }

  private static DataType type(Cotangents cotangents) {
    return cotangents.isDouble() ? DataType.FLOAT64 : DataType.FLOAT32;
  }

  private void check(Cotangents cotangents) {
    if (cotangents.rows() != logits.rows() || cotangents.classes() != logits.classes()) {
      throw new IllegalArgumentException(
          "cotangents are "
              + cotangents.rows()
              + " × "
              + cotangents.classes()
              + ", logits "
              + logits.rows()
              + " × "
              + logits.classes());
    }
  }

  /** The gradients are the results after the first two; each is compared and then kept. */
  private double[][] compare(PtNDManager scope, NDList reduced, TorchGradientMemory memory) {
    NDList gradients = new NDList(reduced.subList(2, reduced.size()));
    long[] before = memory.before();
    long next = memory.nextPlace();
    double[] flat =
        model
            .kernels()
            .call(scope, "compare", before, next, gradients, memory.arrays())
            .get(0)
            .toDoubleArray();
    double[][] products = new double[before.length][];
    for (int back = 0; back < before.length; back++) {
      int from = back * gradients.size();
      products[back] =
          model.table().byParameter(Arrays.copyOfRange(flat, from, from + gradients.size()));
    }
    return products;
  }

  /** Brings the figures from the order of the gradients into that of the parameters. */
  private static Gradient gradient(
      ParameterTable table, double[] norms, long[] nonFinite, double[][] products) {
    int parameters = table.parameters().size();
    double[] squaredNorms = new double[parameters];
    long[] counts = new long[parameters];
    for (int i = 0; i < parameters; i++) {
      int slot = table.slot(i);
      squaredNorms[i] = slot < 0 ? -1 : norms[slot];
      counts[i] = slot < 0 ? 0 : nonFinite[slot];
    }
    return new Gradient(squaredNorms, counts, products);
  }

  @Override
  public void close() {
    manager.close();
  }
}
