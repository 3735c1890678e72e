package io.fisherwatch.monitor;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.re2j.Pattern;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.ModelLoader;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/** One folder of src/test/resources/models: a graph, its weights, a batch, and what is expected. */
final class ModelCase {

  private static final Path ROOT = Path.of("src/test/resources/models");

  private final Path folder;
  private final JsonNode options;

  private ModelCase(Path folder) throws IOException {
    this.folder = folder;
    this.options = new ObjectMapper().readTree(folder.resolve("case.json").toFile());
  }

  static ModelCase of(String name) throws IOException {
    return new ModelCase(ROOT.resolve(name));
  }

  static List<String> names() throws IOException {
    try (Stream<Path> folders = Files.list(ROOT)) {
      return folders
          .map(folder -> folder.getFileName().toString())
          .filter(name -> !name.equals("bad"))
          .sorted()
          .toList();
    }
  }

  Path folder() {
    return folder;
  }

  Model load(ModelLoader loader) throws ModelException {
    Optional<String> key =
        options.hasNonNull("logitsKey")
            ? Optional.of(options.get("logitsKey").asText())
            : Optional.empty();
    int index = options.path("logitsIndex").asInt(0);
    Model model = loader.load(folder.resolve("graph.pt"), new OutputSelector(index, key));
    model.replaceWeights(folder.resolve("weights.safetensors"), Optional.empty());
    return model;
  }

  Likelihood likelihood() {
    return switch (options.path("likelihood").asText("categorical")) {
      case "bernoulli" -> Likelihood.bernoulli();
      case "gaussian" -> Likelihood.gaussian(options.path("sigma").asDouble(1));
      default -> Likelihood.categorical();
    };
  }

  Batch batch(Model model) throws IOException {
    Map<String, HostTensor> tensors =
        SafetensorsReader.decode(
            Files.readAllBytes(folder.resolve("batch.safetensors")), folder.toString());
    List<String> inputs = new ArrayList<>();
    options.path("inputs").forEach(input -> inputs.add(input.asText()));
    Optional<String> mask =
        options.hasNonNull("mask") ? Optional.of(options.get("mask").asText()) : Optional.empty();
    return BatchInputs.select(tensors, inputs, mask, model.inputNames());
  }

  LayerMap layers(Model model) throws IOException {
    List<LayerMap.Rule> rules = new ArrayList<>();
    Path file = folder.resolve("layers.json");
    if (Files.exists(file)) {
      new ObjectMapper()
          .readTree(file.toFile())
          .forEach(
              rule ->
                  rules.add(
                      new LayerMap.Rule(
                          rule.get("name").asText(), Pattern.compile(rule.get("match").asText()))));
    }
    return LayerMap.of(model.parameters(), rules);
  }

  JsonNode expected() throws IOException {
    return new ObjectMapper().readTree(folder.resolve("expected.json").toFile());
  }

  Optional<Map<String, HostTensor>> expectedDiagonal() throws IOException {
    Path file = folder.resolve("expected_diagonal.safetensors");
    return Files.exists(file)
        ? Optional.of(SafetensorsReader.decode(Files.readAllBytes(file), file.toString()))
        : Optional.empty();
  }

  /** Figures and diagonals of an estimate. */
  record Estimated(Figures figures, Map<String, HostTensor> diagonals) {}

  Estimated estimate(Model model, EstimatorSettings settings) throws IOException, ModelException {
    try (FixedEstimate estimate =
        new FixedEstimate(model, likelihood(), layers(model), settings, Progress.NONE)) {
      estimate.add(batch(model));
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      estimate.writeDiagonals(out);
      return new Estimated(
          estimate.figures(), SafetensorsReader.decode(out.toByteArray(), "diagonals"));
    }
  }

  static EstimatorSettings settings(EstimatorKind kind, long seed) {
    return settings(kind, OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), seed);
  }

  static EstimatorSettings settings(
      EstimatorKind kind, OptionalInt rank, OptionalInt probes, OptionalInt microBatch, long seed) {
    Set<Estimate> diagonals = EnumSet.of(Estimate.LOWER, Estimate.FISHER, Estimate.UPPER);
    return new EstimatorSettings(
        kind, rank, probes, microBatch, Distribution.RADEMACHER, seed, diagonals, Budget.NONE);
  }
}
