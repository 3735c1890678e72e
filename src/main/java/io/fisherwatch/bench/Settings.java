package io.fisherwatch.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What to measure.
 *
 * @param preset how thoroughly
 * @param distilbert folder of {@code graph.pt} and {@code batch.safetensors}; without it the large
 *     model is a perceptron, and what is asked of a DistilBERT alone is left out
 * @param only names of the sections; empty for all
 * @param scratch a folder for files in passing, on the disk that is measured
 */
public record Settings(Preset preset, Optional<Path> distilbert, List<String> only, Path scratch) {

  public Settings {
    only = List.copyOf(only);
  }
}
