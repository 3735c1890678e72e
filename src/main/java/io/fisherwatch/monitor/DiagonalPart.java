package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The running diagonal of one part of a run as its state file holds it, aged by a factor. The file
 * is read piece by piece and stays its owner's.
 */
public final class DiagonalPart {

  private static final String WEIGHTS = "diagonal-weights";

  private final SafetensorsReader file;
  private final String model;
  private final DecayedMoments batches = new DecayedMoments();
  private final double ageFactor;

  /** Probes that each of the latest batches was worth; infinite where nothing was random. */
  private final double probes;

  private DiagonalPart(SafetensorsReader file, double ageFactor) throws IOException {
    StateReading reading = new StateReading(file, SavedMonitor.PREFIX);
    this.file = file;
    this.ageFactor = ageFactor;
    this.model = reading.text("model");
    reading.accumulators(WEIGHTS, batches);
    batches.age(ageFactor);
    long[] latest = reading.longs("latest-probes", 2);
    this.probes = latest[1] == 0 ? Double.POSITIVE_INFINITY : latest[0];
  }

  /**
   * Reads what is small of a state file.
   *
   * @param ageFactor 0 to 1, on the weight of everything in it
   * @return empty if it holds no diagonal, or nothing is left of it at that age
   * @throws IOException if the file is no state file, or not whole
   */
  public static Optional<DiagonalPart> of(SafetensorsReader file, double ageFactor)
      throws IOException {
    if (!SavedMonitor.isIn(file)) {
      throw new IOException("it holds no monitor's state");
    }
    if (file.find(SavedMonitor.PREFIX + WEIGHTS).isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(new DiagonalPart(file, ageFactor)).filter(part -> part.weight() > 0);
  }

  /** The parameters and layers that it is of, a line each. */
  String model() {
    return model;
  }

  double weight() {
    return batches.weight();
  }

  double probes() {
    return probes;
  }

  void mergeWeightsInto(DecayedMoments all) {
    all.merge(batches);
  }

  /** The parameters of the diagonal, in the file's order. */
  List<DiagonalParameter> parameters() throws IOException {
    List<DiagonalParameter> parameters = new ArrayList<>();
    String group = RunningDiagonal.MEAN + "/";
    for (TensorInfo tensor : file.tensors()) {
      if (tensor.name().startsWith(group)) {
        String name = tensor.name().substring(group.length());
        parameters.add(new DiagonalParameter(name, layerOf(name), tensor.shape()));
      }
    }
    return parameters;
  }

  private String layerOf(String parameter) throws IOException {
    String mark = " of layer ";
    return model
        .lines()
        .filter(line -> line.startsWith(parameter + " ") && line.contains(mark))
        .map(line -> line.substring(line.indexOf(mark, parameter.length()) + mark.length()))
        .findFirst()
        .orElseThrow(() -> new IOException("no layer is told of parameter " + parameter));
  }

  /**
   * Fails unless means and scatters of some parameters are here, in float32 and of their shapes.
   */
  void require(List<DiagonalParameter> parameters) throws IOException {
    for (DiagonalParameter parameter : parameters) {
      for (String group : List.of(RunningDiagonal.MEAN, RunningDiagonal.SCATTER)) {
        TensorInfo tensor = tensor(group, parameter);
        if (tensor.dtype() != Dtype.F32 || !tensor.shape().equals(parameter.shape())) {
          throw new IOException(
              tensor.name()
                  + " is "
                  + tensor.dtype()
                  + " "
                  + tensor.shape()
                  + ", not F32 "
                  + parameter.shape());
        }
      }
    }
  }

  private TensorInfo tensor(String group, DiagonalParameter parameter) throws IOException {
    return file.find(group + "/" + parameter.name())
        .orElseThrow(() -> new IOException("the running diagonal is not whole"));
  }

  /** Reads some entries' means, from the buffer's start to its limit. */
  void readMeans(DiagonalParameter parameter, long from, ByteBuffer into) throws IOException {
    read(RunningDiagonal.MEAN, parameter, from, into);
  }

  /** Reads some entries' scatters, which are still to be multiplied by {@link #ageFactor}. */
  void readScatters(DiagonalParameter parameter, long from, ByteBuffer into) throws IOException {
    read(RunningDiagonal.SCATTER, parameter, from, into);
  }

  double ageFactor() {
    return ageFactor;
  }

  private void read(String group, DiagonalParameter parameter, long from, ByteBuffer into)
      throws IOException {
    into.order(ByteOrder.LITTLE_ENDIAN);
    file.read(tensor(group, parameter), from, into.rewind());
    into.rewind();
  }
}
