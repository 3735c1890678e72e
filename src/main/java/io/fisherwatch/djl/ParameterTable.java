package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.runtime.Shape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a loaded graph under their names: which of them are parameters, which share
 * storage, and where the gradients of each arrive.
 *
 * <p>One tensor object under two names has one gradient. Two objects on the same storage have one
 * each, which add up to the gradient of the parameter that they are.
 */
final class ParameterTable {

  private final List<Parameter> parameters = new ArrayList<>();
  private final Map<String, String> aliases = new LinkedHashMap<>();
  private final Map<String, NDArray> tensors = new LinkedHashMap<>();
  private final Map<String, String> owners = new LinkedHashMap<>();
  private final Set<String> buffers;
  private final int[] slots;
  private final NDList differentiated = new NDList();
  private final NDArray shares;

  /**
   * @param listed the graph's tensors, named
   * @param buffers names of those that are buffers
   */
  ParameterTable(NDList listed, Set<String> buffers, Kernels kernels, PtNDManager manager) {
    this.buffers = buffers;
    List<String> names = new ArrayList<>();
    for (NDArray tensor : listed) {
      names.add(tensor.getName());
      tensor.setName(null); // a name tells the engine what to do with an argument
    }
    long[] firsts = new long[0];
    long[] objects = new long[0];
    if (!listed.isEmpty()) {
      try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
        NDList shared = kernels.call(scope, "shared", listed);
        firsts = shared.get(0).toLongArray();
        objects = shared.get(1).toLongArray();
      }
    }
    int[] parameterOf = new int[names.size()];
    for (int i = 0; i < names.size(); i++) {
      String owner = names.get((int) firsts[i]);
      tensors.put(names.get(i), listed.get(i));
      owners.put(names.get(i), owner);
      parameterOf[i] = -1;
      if (buffers.contains(owner)) {
        continue;
      }
      if (firsts[i] == i) {
        parameterOf[i] = parameters.size();
        boolean trainable = JniUtils.requiresGrad((PtNDArray) listed.get(i));
        parameters.add(
            new Parameter(owner, Shape.of(listed.get(i).getShape().getShape()), trainable));
      } else {
        parameterOf[i] = parameterOf[(int) firsts[i]];
        aliases.put(names.get(i), owner);
      }
    }
    this.slots = slots(listed, parameterOf, firsts);
    long[] pairs = shares(listed, parameterOf, firsts, objects);
    PtNDManager host = Kernels.host(manager);
    this.shares =
        pairs.length == 0
            ? host.create(new ai.djl.ndarray.types.Shape(0, 2), DataType.INT64)
            : host.create(pairs, new ai.djl.ndarray.types.Shape(pairs.length / 2, 2));
  }

  /** Gives every trainable parameter the next place among the gradients; −1 to the others. */
  private int[] slots(NDList listed, int[] parameterOf, long[] firsts) {
    int[] places = new int[parameters.size()];
    for (int i = 0; i < parameterOf.length; i++) {
      if (parameterOf[i] >= 0 && firsts[i] == i) {
        boolean trainable = parameters.get(parameterOf[i]).trainable();
        places[parameterOf[i]] = trainable ? differentiated.size() : -1;
        if (trainable) {
          differentiated.add(listed.get(i));
        }
      }
    }
    return places;
  }

  /** Pairs (parameter, further object on its storage), as places among the gradients. */
  private long[] shares(NDList listed, int[] parameterOf, long[] firsts, long[] objects) {
    List<Long> pairs = new ArrayList<>();
    for (int i = 0; i < parameterOf.length; i++) {
      boolean anotherObject = parameterOf[i] >= 0 && firsts[i] != i && objects[i] == i;
      if (anotherObject && slots[parameterOf[i]] >= 0) {
        pairs.add((long) slots[parameterOf[i]]);
        pairs.add((long) differentiated.size());
        differentiated.add(listed.get(i));
      }
    }
    return pairs.stream().mapToLong(Long::longValue).toArray();
  }

  /** The distinct parameters, in the graph's order. */
  List<Parameter> parameters() {
    return Collections.unmodifiableList(parameters);
  }

  /** Second names of parameters, each with the first. */
  Map<String, String> aliases() {
    return Collections.unmodifiableMap(aliases);
  }

  /** A tensor by any of its names, or null. */
  @Nullable NDArray tensor(String name) {
    return tensors.get(name);
  }

  /** The first name of the storage that a name stands for. */
  String owner(String name) {
    return owners.getOrDefault(name, name);
  }

  /** Whether a name is a buffer's. */
  boolean isBuffer(String name) {
    return buffers.contains(owner(name));
  }

  /** Every name, in the graph's order. */
  Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  /** What gradients are taken of: the trainable parameters first, then further objects on them. */
  NDList differentiated() {
    return differentiated;
  }

  /** Pairs of places among the gradients whose sum is the gradient of the first. */
  NDArray shares() {
    return shares;
  }

  /** A parameter's place among the gradients; −1 for one that takes none. */
  int slot(int parameter) {
    return slots[parameter];
  }

  /** The trainable parameters alone, one gradient each. */
  NDList owners() {
    return new NDList(differentiated.subList(0, trainable()));
  }

  /** Brings figures from the order of the gradients into that of the parameters; 0 without one. */
  double[] byParameter(double[] byGradient) {
    double[] figures = new double[slots.length];
    for (int i = 0; i < figures.length; i++) {
      figures[i] = slots[i] < 0 ? 0 : byGradient[slots[i]];
    }
    return figures;
  }

  /** The largest dimension of any parameter. */
  long widest() {
    return parameters.stream()
        .flatMap(parameter -> parameter.shape().dimensions().stream())
        .mapToLong(Long::longValue)
        .max()
        .orElse(1);
  }

  /** The sum of all dimensions of all matrices: what a layer takes in and gives, roughly. */
  long widths() {
    return parameters.stream()
        .map(parameter -> parameter.shape().dimensions())
        .filter(dimensions -> dimensions.size() > 1)
        .flatMap(dimensions -> dimensions.stream())
        .mapToLong(Long::longValue)
        .sum();
  }

  /** The number of trainable parameters. */
  int trainable() {
    int count = 0;
    for (int slot : slots) {
      count += slot >= 0 ? 1 : 0;
    }
    return count;
  }
}
