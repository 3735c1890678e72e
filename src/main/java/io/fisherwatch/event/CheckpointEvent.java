package io.fisherwatch.event;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;

/**
 * A run reached new weights.
 *
 * @param run the run's name
 * @param step the optimizer step, at least 0
 * @param graph the TorchScript file
 * @param weights the safetensors file with the weights; the graph's own if empty
 * @param inputs the batch tensors that the graph takes, in the order of its arguments
 * @param logits which output holds the logits
 * @param likelihood the distribution whose parameters they are
 * @param layers the rules that group parameters, the first match winning; at most 1,000
 * @param origin who sent it
 */
public record CheckpointEvent(
    String run,
    long step,
    FileReference graph,
    Optional<FileReference> weights,
    List<String> inputs,
    LogitsSelector logits,
    LikelihoodSpec likelihood,
    List<LayerRule> layers,
    Origin origin)
    implements TrainingEvent {

  static final String TOO_LARGE =
      "layers has patterns that are too large together; fewer repetitions {n} and classes \\p"
          + " would do";

  /** Copies the lists and checks what the types do not say. */
  public CheckpointEvent {
    Checks.run(run);
    Checks.step(step);
    inputs = List.copyOf(inputs);
    layers = List.copyOf(layers);
    if (inputs.isEmpty() || new HashSet<>(inputs).size() != inputs.size()) {
      throw new IllegalArgumentException(
          "inputs is "
              + Checks.shown(inputs.toString())
              + ", which should hold at least one name and none twice");
    }
    if (layers.size() > LayerRule.MOST) {
      throw new IllegalArgumentException(
          "layers has " + layers.size() + " rules; " + LayerRule.MOST + " are allowed");
    }
    if (layers.stream().mapToLong(LayerRule::cost).sum() > PatternCost.MOST) {
      throw new IllegalArgumentException(TOO_LARGE);
    }
  }
}
