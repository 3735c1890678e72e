package io.fisherwatch.agent;

import com.google.re2j.Pattern;
import io.fisherwatch.event.LayerRule;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.monitor.LayerMap;
import io.fisherwatch.runtime.Parameter;
import java.util.List;

/** Puts a model's parameters into layers after the rules of an event. */
final class LayerRules {

  /** Steps of matching, of which there are some hundred millions a second. */
  private static final double MOST_STEPS = 2e10;

  private LayerRules() {}

  /**
   * Maps the parameters.
   *
   * @throws RejectedEventException {@code layer-rules-too-costly} if that could take minutes
   */
  static LayerMap map(List<Parameter> parameters, List<LayerRule> rules)
      throws RejectedEventException {
    double characters = parameters.stream().mapToDouble(p -> p.name().length()).sum();
    double steps = characters * rules.stream().mapToDouble(LayerRule::cost).sum();
    if (steps > MOST_STEPS) {
      throw new RejectedEventException(
          "layer-rules-too-costly",
          "%d layer rules on %d parameters could take %.1e steps; %.0e are allowed"
              .formatted(rules.size(), parameters.size(), steps, MOST_STEPS));
    }
    return LayerMap.of(
        parameters,
        rules.stream()
            .map(rule -> new LayerMap.Rule(rule.name(), Pattern.compile(rule.match())))
            .toList());
  }
}
