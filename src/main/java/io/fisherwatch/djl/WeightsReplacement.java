package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsException;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * One replacement of a model's weights by those of a file. The file is read twice: first its header
 * and its digest, so that nothing is replaced by a file that does not fit; then its tensors, a
 * bounded buffer at a time, hashed again on the way, since the file may have changed meanwhile.
 */
final class WeightsReplacement {

  private static final int CHUNK_BYTES = 4 << 20;

  private final ParameterTable table;
  private final Kernels kernels;
  private final PtNDManager manager;

  /** Which name has been written, by the first name of its storage. */
  private final Map<String, String> written = new HashMap<>();

  /** Tensors whose layout is not row-major are filled beside their place and copied over. */
  private final Map<String, NDArray> staged = new HashMap<>();

  WeightsReplacement(ParameterTable table, Kernels kernels, PtNDManager manager) {
    this.table = table;
    this.kernels = kernels;
    this.manager = manager;
  }

  /** Checks without touching the model. */
  void check(FileChannel channel, String file, Optional<String> sha256) throws ModelException {
    try (SafetensorsReader reader = SafetensorsReader.open(channel, file)) {
      if (sha256.isPresent()) {
        requireDigest(file, sha256.get(), reader.sha256());
      }
      checkNames(file, reader.tensors());
      for (TensorInfo tensor : reader.tensors()) {
        checkTensor(file, tensor);
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** Copies; if this fails the model holds a mixture. */
  void copy(FileChannel channel, String file, Optional<String> sha256) throws ModelException {
    try (SafetensorsReader reader = SafetensorsReader.open(channel, file);
        PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      stage(reader.tensors(), scope);
      List<String> disagreeing = new ArrayList<>();
      String digest =
          reader.streamAll(
              CHUNK_BYTES, (tensor, offset, chunk) -> put(tensor, offset, chunk, disagreeing));
      if (sha256.isPresent()) {
        requireDigest(file, sha256.get(), digest);
      }
      if (!disagreeing.isEmpty()) {
        throw new ModelException("bad-weights", file + ": " + disagreeing.get(0));
      }
      for (Map.Entry<String, NDArray> entry : staged.entrySet()) {
        kernels.call(scope, "assign", target(entry.getKey()), entry.getValue());
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private void checkNames(String file, List<TensorInfo> tensors) throws ModelException {
    Set<String> unknown = new TreeSet<>();
    Set<String> given = new HashSet<>();
    for (TensorInfo tensor : tensors) {
      if (table.tensor(tensor.name()) == null) {
        unknown.add(tensor.name());
      }
      given.add(table.owner(tensor.name()));
    }
    if (!unknown.isEmpty()) {
      throw new ModelException(
          "bad-weights", file + " names tensors that the graph does not know: " + some(unknown));
    }
    Set<String> missing = new TreeSet<>();
    for (Parameter parameter : table.parameters()) {
      if (!given.contains(parameter.name())) {
        missing.add(parameter.name());
      }
    }
    if (!missing.isEmpty()) {
      throw new ModelException(
          "bad-weights", file + " lacks parameters of the graph: " + some(missing));
    }
  }

  private void checkTensor(String file, TensorInfo tensor) throws ModelException {
    NDArray target = target(tensor.name());
    long[] shape = target.getShape().getShape();
    boolean sameShape =
        Arrays.equals(shape, tensor.shape().stream().mapToLong(Long::longValue).toArray());
    if (!sameShape || target.getDataType().isFloating() != tensor.dtype().isFloating()) {
      throw new ModelException(
          "shape-mismatch",
          file
              + ": "
              + tensor.name()
              + " is "
              + tensor.dtype()
              + tensor.shape()
              + ", the graph needs "
              + target.getDataType()
              + Arrays.toString(shape));
    }
    if (tensor.dtype() == Dtype.I16) {
      throw new ModelException(
          "dtype-mismatch", file + ": " + tensor.name() + " is I16; save it as I32 or I64");
    }
  }

  private void stage(List<TensorInfo> tensors, PtNDManager scope) {
    NDList targets = new NDList();
    for (TensorInfo tensor : tensors) {
      targets.add(target(tensor.name()));
    }
    if (targets.isEmpty()) {
      return;
    }
    boolean[] contiguous = kernels.call(scope, "contiguous", targets).get(0).toBooleanArray();
    for (int i = 0; i < contiguous.length; i++) {
      if (!contiguous[i]) {
        NDArray target = targets.get(i);
        staged.put(
            table.owner(tensors.get(i).name()),
            scope.zeros(target.getShape(), target.getDataType()));
      }
    }
  }

  private void put(TensorInfo tensor, long offset, ByteBuffer chunk, List<String> disagreeing)
      throws IOException {
    String owner = table.owner(tensor.name());
    NDArray target = staged.getOrDefault(owner, target(tensor.name()));
    String first = written.computeIfAbsent(owner, any -> tensor.name());
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      long count = chunk.remaining() / tensor.dtype().bytes();
      NDArray values =
          HostTensors.toDevice(HostTensor.of(tensor.dtype(), new long[] {count}, chunk), scope);
      if (first.equals(tensor.name())) {
        kernels.call(scope, "write", target, offset, values);
      } else if (kernels.call(scope, "differ", target, offset, values).get(0).getBoolean()) {
        disagreeing.add(
            first
                + " and "
                + tensor.name()
                + " are one parameter of the graph but hold different values");
      }
    } catch (ModelException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private NDArray target(String name) {
    NDArray target = table.tensor(name);
    if (target == null) {
      throw new IllegalArgumentException("the graph knows no " + name);
    }
    return target;
  }

  private static void requireDigest(String file, String expected, String found)
      throws ModelException {
    if (!expected.equals(found)) {
      throw new ModelException(
          "digest-mismatch", file + " has the SHA-256 " + found + ", not " + expected);
    }
  }

  private static ModelException unreadable(String file, IOException e) {
    String message = e.getMessage() == null ? e.toString() : e.getMessage();
    return new ModelException(
        "bad-weights",
        e instanceof SafetensorsException ? message : file + " cannot be read: " + message,
        e);
  }

  private static String some(Set<String> names) {
    List<String> first = names.stream().limit(5).toList();
    String list = String.join(", ", first);
    return names.size() > first.size() ? list + ", … (" + names.size() + " in all)" : list;
  }
}
