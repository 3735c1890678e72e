package io.fisherwatch.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What to measure.
 *
 * @param preset how thoroughly
 * @param distilbert folder of {@code graph.pt} and {@code batch.safetensors}; without it the large
 *     model is a perceptron, and what is asked of a DistilBERT alone is left out
 * @param only names of the sections; empty for all
 * @param runs that are watched at the same time under load; empty for the preset's
 * @param layers of the model of each of them; empty for the preset's
 * @param scratch a folder for files in passing, on the disk that is measured
 * @param device where models run, as {@code estimate} takes it; sections that start processes, and
 *     agents, choose for themselves
 */
public record Settings(
    Preset preset,
    Optional<Path> distilbert,
    List<String> only,
    OptionalInt runs,
    OptionalInt layers,
    Path scratch,
    String device) {

  public Settings {
    only = List.copyOf(only);
    requirePositive("runs", runs);
    requirePositive("layers", layers);
  }

  private static void requirePositive(String name, OptionalInt value) {
    if (value.isPresent() && value.getAsInt() < 1) {
      throw new IllegalArgumentException(name + " is " + value.getAsInt() + ", not 1 or more");
    }
  }
}
