package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.SafetensorsWriter;
import io.fisherwatch.safetensors.TensorSource;
import io.fisherwatch.snapshot.DiagonalFigure;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The running diagonals of a run's parts as one, by their mean and scatter entry by entry: what one
 * monitor would keep that had seen every part's batches. Whatever the size of the model and the
 * number of parts, one chunk of entries is in memory, {@value #BYTES_PER_ENTRY} bytes for each, and
 * two histograms. The files are read twice: the means for {@code fisher/}, all for {@code
 * standard-error/}.
 */
public final class DiagonalMerge {

  /** Means and scatters as read and as merged, and what is written. */
  static final int BYTES_PER_ENTRY = 28;

  /** Entries of a chunk where memory is not scarce. */
  public static final int CHUNK_ENTRIES = 1 << 19;

  private final List<DiagonalPart> parts;
  private final List<DiagonalParameter> parameters;
  private final DecayedMoments batches = new DecayedMoments();
  private final int chunkEntries;

  private DiagonalMerge(
      List<DiagonalPart> parts, List<DiagonalParameter> parameters, int chunkEntries) {
    this.parts = List.copyOf(parts);
    this.parameters = byLayer(parameters);
    this.chunkEntries = chunkEntries;
    parts.forEach(part -> part.mergeWeightsInto(batches));
  }

  /**
   * Compares what the parts are of.
   *
   * @param parts one at least, of disjoint batches, aged to the same moment
   * @param chunkEntries entries in memory at most
   * @throws IOException if they are not of one model, or a file is not whole
   */
  public static DiagonalMerge of(List<DiagonalPart> parts, int chunkEntries) throws IOException {
    if (parts.isEmpty() || chunkEntries < 1) {
      throw new IllegalArgumentException(parts.size() + " parts, chunks of " + chunkEntries);
    }
    DiagonalPart first = parts.get(0);
    List<DiagonalParameter> parameters = first.parameters();
    for (DiagonalPart part : parts) {
      Optional<String> difference = ModelOutline.difference(first.model(), part.model());
      if (difference.isPresent()) {
        throw new IOException("the parts are of different models: " + difference.get());
      }
      part.require(parameters);
    }
    return new DiagonalMerge(parts, parameters, chunkEntries);
  }

  /** A layer's parameters together, layers in the order of their first one. */
  private static List<DiagonalParameter> byLayer(List<DiagonalParameter> parameters) {
    Map<String, List<DiagonalParameter>> layers = new LinkedHashMap<>();
    for (DiagonalParameter parameter : parameters) {
      layers.computeIfAbsent(parameter.layer(), any -> new ArrayList<>()).add(parameter);
    }
    return layers.values().stream().flatMap(List::stream).toList();
  }

  /**
   * Writes {@code fisher/<parameter>} and, from two effective batches on, {@code
   * standard-error/<parameter>}, as {@link FisherMonitor#writeDiagonal} does.
   *
   * @param trace of F over the whole model, or NaN if it is not known: the threshold {@code
   *     relative} follows from it
   * @return what the diagonal looks like, by layer and for the whole model
   */
  public Map<String, DiagonalFigure> writeTo(OutputStream out, double trace) throws IOException {
    boolean scattered = batches.effectiveCount() >= 2;
    double entries = parameters.stream().mapToLong(DiagonalParameter::entries).sum();
    DiagonalTally tally = new DiagonalTally(batches, probes(), trace / entries);
    MergedChunk chunk = new MergedChunk(chunkEntries);
    List<TensorSource> tensors = new ArrayList<>();
    for (DiagonalParameter parameter : parameters) {
      tensors.add(new Merged("fisher", parameter, chunk, false, scattered ? null : tally));
    }
    if (scattered) {
      for (DiagonalParameter parameter : parameters) {
        tensors.add(new Merged("standard-error", parameter, chunk, true, tally));
      }
    }
    SafetensorsWriter.write(out, Map.of("normalisation", "mean over examples"), tensors);
    return tally.figures();
  }

  private double probes() {
    double most = parts.stream().mapToDouble(DiagonalPart::probes).max().orElse(1);
    return Math.max(1, most * batches.effectiveCount());
  }

  /** One parameter's merged means, or their standard errors. */
  private final class Merged implements TensorSource {

    private final String group;
    private final DiagonalParameter parameter;
    private final MergedChunk chunk;
    private final boolean errors;
    private final @Nullable DiagonalTally tally;

    Merged(
        String group,
        DiagonalParameter parameter,
        MergedChunk chunk,
        boolean errors,
        @Nullable DiagonalTally tally) {
      this.group = group;
      this.parameter = parameter;
      this.chunk = chunk;
      this.errors = errors;
      this.tally = tally;
    }

    @Override
    public String name() {
      return group + "/" + parameter.name();
    }

    @Override
    public Dtype dtype() {
      return Dtype.F32;
    }

    @Override
    public long[] shape() {
      return parameter.shape().stream().mapToLong(Long::longValue).toArray();
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
      double factor = errors ? RunningDiagonal.errorFactor(batches) : Double.NaN;
      ByteBuffer bytes =
          ByteBuffer.allocate(chunk.capacity() * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      long entries = parameter.entries();
      for (long from = 0; from < entries; from += chunk.capacity()) {
        int size = (int) Math.min(chunk.capacity(), entries - from);
        chunk.load(parts, parameter, from, size, errors);
        bytes.clear();
        for (int entry = 0; entry < size; entry++) {
          double value = errors ? Math.sqrt(chunk.scatter(entry) * factor) : chunk.mean(entry);
          bytes.putFloat((float) value);
        }
        out.write(bytes.array(), 0, bytes.position());
        if (tally != null) {
          tally.add(parameter.layer(), chunk);
        }
      }
    }
  }
}
