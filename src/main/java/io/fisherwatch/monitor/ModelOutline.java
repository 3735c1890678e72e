package io.fisherwatch.monitor;

import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.runtime.Shape;
import io.fisherwatch.snapshot.LayerFigures;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What figures need to know of a model, which itself may be elsewhere.
 *
 * @param parameters in the model's order
 * @param aliases second names of parameters
 * @param layers which parameters belong to which layer
 */
record ModelOutline(List<Parameter> parameters, Map<String, String> aliases, LayerMap layers) {

  static ModelOutline of(Model model, LayerMap layers) {
    return new ModelOutline(model.parameters(), model.aliases(), layers);
  }

  /** Layers, the whole model among them. */
  int slots() {
    return layers.layers().size() + 1;
  }

  /** The whole model first, then the layers. */
  List<String> slotNames() {
    List<String> names = new ArrayList<>(List.of(LayerFigures.TOTAL));
    names.addAll(layers.layers());
    return names;
  }

  /** Scalar parameters in all. */
  long elements() {
    return parameters.stream().mapToLong(Parameter::elements).sum();
  }

  /** Scalar parameters of a layer. */
  long elements(int slot) {
    return slot == 0 ? elements() : layers.size(slot - 1);
  }

  /** What has to be the same for accumulators to be of one model: a line for each parameter. */
  String text() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      text.append(parameter.name())
          .append(' ')
          .append(parameter.shape())
          .append(parameter.trainable() ? " of layer " : " frozen, of layer ")
          .append(layers.layers().get(layers.layerOf(i)))
          .append('\n');
    }
    return text.toString();
  }

  /** The first difference between two such texts. */
  static Optional<String> difference(String saved, String current) {
    if (saved.equals(current)) {
      return Optional.empty();
    }
    List<String> before = saved.lines().toList();
    List<String> now = current.lines().toList();
    for (int i = 0; i < Math.min(before.size(), now.size()); i++) {
      if (!before.get(i).equals(now.get(i))) {
        return Optional.of("it has " + before.get(i) + ", the model has " + now.get(i));
      }
    }
    return Optional.of(
        "it has " + before.size() + " parameters, the model has " + now.size() + " of them");
  }

  void save(StateSheet sheet) {
    sheet.texts("parameters", parameters.stream().map(Parameter::name).toList());
    sheet.texts("layers", layers.layers());
    long[] layerOf = new long[parameters.size()];
    Arrays.setAll(layerOf, layers::layerOf);
    sheet.longs("layer-of", layerOf);
    sheet.longs(
        "trainable", parameters.stream().mapToLong(one -> one.trainable() ? 1 : 0).toArray());
    sheet.longs("ranks", parameters.stream().mapToLong(one -> dimensions(one).size()).toArray());
    sheet.longs(
        "dimensions",
        parameters.stream()
            .flatMap(one -> dimensions(one).stream())
            .mapToLong(Long::longValue)
            .toArray());
    sheet.texts("aliases", List.copyOf(aliases.keySet()));
    sheet.texts("aliased", List.copyOf(aliases.values()));
  }

  private static List<Long> dimensions(Parameter parameter) {
    return parameter.shape().dimensions();
  }

  /** Reads one back. */
  static ModelOutline read(StateReading reading) throws IOException {
    List<Parameter> parameters = parameters(reading);
    List<String> layers = reading.texts("layers");
    List<String> layerOf = new ArrayList<>();
    for (long layer : reading.longs("layer-of", parameters.size())) {
      if (layer < 0 || layer >= layers.size()) {
        throw new IOException("layer " + layer + " is not among the " + layers.size());
      }
      layerOf.add(layers.get((int) layer));
    }
    LayerMap map = LayerMap.of(parameters, layerOf::get);
    if (!map.layers().equals(layers)) {
      throw new IOException("the layers are not those of the parameters");
    }
    return new ModelOutline(parameters, aliases(reading), map);
  }

  private static List<Parameter> parameters(StateReading reading) throws IOException {
    List<String> names = reading.texts("parameters");
    long[] trainable = reading.longs("trainable", names.size());
    long[] ranks = reading.longs("ranks", names.size());
    long[] dimensions = reading.longs("dimensions");
    List<Parameter> parameters = new ArrayList<>();
    int from = 0;
    long elements = 0;
    try {
      for (int i = 0; i < ranks.length; i++) {
        int to = Math.addExact(from, Math.toIntExact(ranks[i]));
        if (to < from || to > dimensions.length) {
          throw new IOException("the dimensions of " + names.get(i) + " are not all there");
        }
        Shape shape = Shape.of(Arrays.copyOfRange(dimensions, from, to));
        if (shape.dimensions().stream().anyMatch(dimension -> dimension < 0)) {
          throw new IOException(names.get(i) + " has the shape " + shape);
        }
        parameters.add(new Parameter(names.get(i), shape, trainable[i] != 0));
        elements = Math.addExact(elements, shape.elements());
        from = to;
      }
    } catch (ArithmeticException e) {
      throw new IOException("the parameters are more than can be counted", e);
    }
    if (from != dimensions.length) {
      throw new IOException("there are more dimensions than the parameters have");
    }
    return parameters;
  }

  private static Map<String, String> aliases(StateReading reading) throws IOException {
    List<String> names = reading.texts("aliases");
    List<String> of = reading.texts("aliased");
    if (names.size() != of.size()) {
      throw new IOException(names.size() + " aliases are of " + of.size() + " parameters");
    }
    Map<String, String> aliases = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      aliases.put(names.get(i), of.get(i));
    }
    return aliases;
  }
}
