package io.fisherwatch.monitor;

import com.google.re2j.Pattern;
import io.fisherwatch.runtime.Parameter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * Which layer each parameter belongs to: the first rule whose pattern is found in its name, or else
 * the path of its module. Layers are disjoint and stand in the order of their first parameter.
 */
public final class LayerMap {

  /**
   * A named group of parameters.
   *
   * @param layer the layer's name
   * @param pattern found anywhere in the names of its parameters
   */
  public record Rule(String layer, Pattern pattern) {}

  private final List<String> layers;
  private final int[] layerOf;
  private final long[] sizes;

  private LayerMap(List<String> layers, int[] layerOf, long[] sizes) {
    this.layers = layers;
    this.layerOf = layerOf;
    this.sizes = sizes;
  }

  /** Maps a model's parameters. */
  public static LayerMap of(List<Parameter> parameters, List<Rule> rules) {
    return of(parameters, i -> layer(parameters.get(i).name(), rules));
  }

  /**
   * Maps a model's parameters.
   *
   * @param layerName of a parameter, by its place
   */
  static LayerMap of(List<Parameter> parameters, IntFunction<String> layerName) {
    Map<String, Integer> index = new LinkedHashMap<>();
    int[] layerOf = new int[parameters.size()];
    List<Long> sizes = new ArrayList<>();
    for (int i = 0; i < layerOf.length; i++) {
      int at = index.computeIfAbsent(layerName.apply(i), name -> index.size());
      layerOf[i] = at;
      if (at == sizes.size()) {
        sizes.add(0L);
      }
      sizes.set(at, sizes.get(at) + parameters.get(i).elements());
    }
    return new LayerMap(
        List.copyOf(index.keySet()), layerOf, sizes.stream().mapToLong(Long::longValue).toArray());
  }

  /** The layers' names. */
  public List<String> layers() {
    return layers;
  }

  /** The index of a parameter's layer. */
  int layerOf(int parameter) {
    return layerOf[parameter];
  }

  /** Scalar parameters of a layer. */
  long size(int layer) {
    return sizes[layer];
  }

  /** The parameters of a layer, in the model's order. */
  int[] parametersOf(int layer) {
    List<Integer> parameters = new ArrayList<>();
    for (int i = 0; i < layerOf.length; i++) {
      if (layerOf[i] == layer) {
        parameters.add(i);
      }
    }
    return parameters.stream().mapToInt(Integer::intValue).toArray();
  }

  private static String layer(String parameter, List<Rule> rules) {
    for (Rule rule : rules) {
      if (rule.pattern().matcher(parameter).find()) {
        return rule.layer();
      }
    }
    int dot = parameter.lastIndexOf('.');
    return dot < 0 ? parameter : parameter.substring(0, dot);
  }
}
