package io.fisherwatch.djl;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.fisherwatch.runtime.ModelException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The device-side half of the runtime: the TorchScript functions of {@code
 * src/main/python/tools/make_kernels.py}, each called by its name. Results live as long as the
 * manager of the call.
 */
final class Kernels {

  /** The code where the device has no memory left. */
  static final String OUT_OF_MEMORY = "out-of-memory";

  private static final Pattern NO_MEMORY =
      Pattern.compile(
          "out of memory|can't allocate memory|not enough memory|bad_alloc|_STATUS_ALLOC_FAILED");

  private final PtSymbolBlock block;

  private Kernels(PtSymbolBlock block) {
    this.block = block;
  }

  /** Loads the functions into the manager, with which they go. */
  static Kernels load(PtNDManager manager) {
    try {
      Path file = Files.createTempFile("fisherwatch-kernels", ".pt");
      try (InputStream in = Kernels.class.getResourceAsStream("kernels.pt")) {
        if (in == null) {
          throw new IllegalStateException("kernels.pt is missing from the jar");
        }
        Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
        return new Kernels(
            JniUtils.loadModule(manager, file, true, new String[0], new String[0], true));
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("kernels.pt cannot be unpacked", e);
    }
  }

  /**
   * Prepares this thread for the engine: gradients on, and graphs run as they are written from the
   * first call.
   */
  static void enter() {
    JniUtils.setGradMode(true);
    JniUtils.setGraphExecutorOptimize(false);
  }

  /**
   * Where settings live: the host, whatever the device, since the functions branch on them and
   * would wait for the device at each. They go with the manager.
   */
  static PtNDManager host(PtNDManager manager) {
    return manager.getDevice().isGpu() ? manager.newSubManager(Device.cpu()) : manager;
  }

  /** The argument that makes the engine call another method than {@code forward}. */
  static NDArray method(String name, PtNDManager manager) {
    NDArray method = host(manager).create(0);
    method.setName("module_method:" + name);
    return method;
  }

  /**
   * Calls a function.
   *
   * @param manager owns the results
   * @param name the function
   * @param arguments tensors ({@link NDArray}), lists of tensors ({@link NDList}) and settings
   *     ({@code Double}, {@code Long}, and arrays of these and of {@code boolean})
   */
  NDList call(PtNDManager manager, String name, Object... arguments) {
    enter();
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      // An array's name tells the engine's Java interface what to do with it: call a method, or
      // join a list.
      NDList inputs = new NDList();
      PtNDManager host = host(scope);
      inputs.add(method(name, host));
      for (int i = 0; i < arguments.length; i++) {
        if (arguments[i] instanceof NDList list) {
          if (list.isEmpty()) {
            throw new IllegalArgumentException(name + ": argument " + i + " is an empty list");
          }
          for (NDArray array : list) {
            array.setName("list" + i + "[]");
            inputs.add(array);
          }
        } else {
          NDArray array =
              arguments[i] instanceof NDArray tensor ? tensor : setting(host, arguments[i]);
          array.setName(null);
          inputs.add(array);
        }
      }
      NDList results = IValueUtils.forward(block, inputs, true);
      results.attach(manager);
      return results;
    }
  }

  private static NDArray setting(PtNDManager host, Object value) {
    if (value instanceof Double number) {
      return host.create((double) number);
    }
    if (value instanceof Long number) {
      return host.create((long) number);
    }
    if (value instanceof double[] numbers) {
      return host.create(numbers);
    }
    if (value instanceof long[] numbers) {
      return host.create(numbers, new Shape(numbers.length));
    }
    if (value instanceof long[][] rows) {
      long[] flat = Arrays.stream(rows).flatMapToLong(Arrays::stream).toArray();
      return host.create(flat, new Shape(rows.length, flat.length / rows.length));
    }
    if (value instanceof boolean[] flags) {
      return host.create(flags);
    }
    throw new IllegalArgumentException("no setting: " + value);
  }

  /**
   * What to say of a failure of the engine; if no memory is left, that, whatever has failed.
   *
   * @param code of what has failed
   * @param what has failed
   */
  static ModelException failure(String code, String what, EngineException e) {
    String reason = reason(e);
    return NO_MEMORY.matcher(reason).find()
        ? new ModelException(OUT_OF_MEMORY, "no memory is left on the device: " + reason, e)
        : new ModelException(code, what + ": " + reason, e);
  }

  /** The last line of what TorchScript says, which is the reason; the others are its stack. */
  static String reason(EngineException e) {
    String message = e.getMessage() == null ? e.toString() : e.getMessage();
    List<String> lines =
        message.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
    for (String line : lines) {
      if (line.startsWith("RuntimeError:") || line.contains("Error: ")) {
        return line;
      }
    }
    return lines.isEmpty() ? e.toString() : lines.get(lines.size() - 1);
  }
}
