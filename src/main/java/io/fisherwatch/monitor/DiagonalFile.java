package io.fisherwatch.monitor;

import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.safetensors.TensorSource;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Diagonals as one safetensors file, streamed from the device. Only the diagonal in hand is there:
 * each is made when its first tensor is written and closed after its last.
 */
final class DiagonalFile {

  private final List<Parameter> parameters;
  private final List<TensorSource> tensors = new ArrayList<>();
  private @Nullable DiagonalArray inHand;

  DiagonalFile(List<Parameter> parameters) {
    this.parameters = parameters;
  }

  /** Adds a diagonal under the name of its matrix; it is made when needed and closed afterwards. */
  void add(String name, Supplier<DiagonalArray> diagonal) {
    add(name, diagonal, true);
  }

  /** Adds a diagonal that somebody else closes. */
  void addBorrowed(String name, DiagonalArray diagonal) {
    add(name, () -> diagonal, false);
  }

  private void add(String name, Supplier<DiagonalArray> diagonal, boolean owned) {
    int last = -1;
    for (int i = 0; i < parameters.size(); i++) {
      last = parameters.get(i).trainable() ? i : last;
    }
    boolean first = true;
    for (int i = 0; i < parameters.size(); i++) {
      if (parameters.get(i).trainable()) {
        tensors.add(new Entry(name, i, first ? diagonal : null, owned && i == last));
        first = false;
      }
    }
  }

  /** The tensors so far; to be written in this order. */
  List<TensorSource> tensors() {
    return List.copyOf(tensors);
  }

  /** Writes the file. */
  void writeTo(OutputStream out) throws IOException {
    try {
      SafetensorsWriter.write(out, Map.of("normalisation", "mean over examples"), tensors);
    } finally {
      closeInHand();
    }
  }

  private void closeInHand() {
    DiagonalArray current = inHand;
    if (current != null) {
      current.close();
      inHand = null;
    }
  }

  /** One parameter's entries. */
  private final class Entry implements TensorSource {

    private final String group;
    private final int parameter;
    private final @Nullable Supplier<DiagonalArray> maker;
    private final boolean last;

    Entry(String group, int parameter, @Nullable Supplier<DiagonalArray> maker, boolean last) {
      this.group = group;
      this.parameter = parameter;
      this.maker = maker;
      this.last = last;
    }

    @Override
    public String name() {
      return group + "/" + parameters.get(parameter).name();
    }

    @Override
    public Dtype dtype() {
      return Dtype.F32;
    }

    @Override
    public long[] shape() {
      return parameters.get(parameter).shape().toArray();
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
      Supplier<DiagonalArray> make = maker;
      if (make != null) {
        inHand = make.get();
      }
      DiagonalArray diagonal = inHand;
      if (diagonal == null) {
        throw new IllegalStateException(name() + " is written before its diagonal's first tensor");
      }
      try {
        diagonal.read(parameter, chunk -> write(out, chunk));
      } catch (UncheckedIOException e) {
        throw new IOException(e.getMessage(), e);
      }
      if (last) {
        closeInHand();
      }
    }
  }

  private static void write(OutputStream out, ByteBuffer chunk) {
    byte[] bytes = new byte[chunk.remaining()];
    chunk.get(bytes);
    try {
      out.write(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
