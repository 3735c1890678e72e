package io.fisherwatch.snapshot;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Everything that was estimated of one model on some data.
 *
 * @param examples examples in all
 * @param positions unmasked outputs in all; equal to {@code examples} but for token models
 * @param classes width of the logits
 * @param parameters scalar parameters of the model
 * @param probes probes in all
 * @param settings what the estimator did
 * @param core means in the core space
 * @param aliases second names of parameters that share storage, each with the name it is counted
 *     under
 * @param layers the total first, then the layers in the model's order
 */
public record Figures(
    long examples,
    long positions,
    int classes,
    long parameters,
    long probes,
    Settings settings,
    CoreFigures core,
    Map<String, String> aliases,
    List<LayerFigures> layers) {

  public Figures {
    aliases = Collections.unmodifiableMap(new LinkedHashMap<>(aliases));
    layers = List.copyOf(layers);
    if (layers.isEmpty() || !layers.get(0).layer().equals(LayerFigures.TOTAL)) {
      throw new IllegalArgumentException("the figures of the whole model must come first");
    }
  }

  /** The figures of the whole model. */
  public LayerFigures total() {
    return layers.get(0);
  }
}
