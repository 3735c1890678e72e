package io.fisherwatch.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import io.fisherwatch.agent.LowPriority;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.BatchInputs;
import io.fisherwatch.monitor.Budget;
import io.fisherwatch.monitor.EstimatorKind;
import io.fisherwatch.monitor.EstimatorSettings;
import io.fisherwatch.monitor.FixedEstimate;
import io.fisherwatch.monitor.LayerMap;
import io.fisherwatch.monitor.Progress;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorInfo;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.Figures;
import io.fisherwatch.web.FiguresJson;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The estimator on files. */
@Command(
    name = "estimate",
    description = "Estimates the Fisher information of a model on batches from files.")
final class EstimateCommand implements Callable<Integer> {

  @Option(names = "--graph", required = true, description = "TorchScript file.")
  private Path graph = Path.of("");

  @Option(names = "--weights", description = "safetensors file whose tensors replace the graph's.")
  private @Nullable Path weights;

  @Option(names = "--batch", required = true, description = "safetensors file with a batch.")
  private List<Path> batches = new ArrayList<>();

  @Option(names = "--inputs", split = ",", description = "Inputs in the graph's order.")
  private List<String> inputs = new ArrayList<>();

  @Option(names = "--logits-index", description = "Place of the logits in a tuple (default 0).")
  private int logitsIndex;

  @Option(names = "--logits-key", description = "Key of the logits in a dict.")
  private @Nullable String logitsKey;

  @Option(
      names = "--estimator",
      defaultValue = "deflated",
      description = "deflated, hutchinson, monte-carlo or exact (default ${DEFAULT-VALUE}).")
  private String estimator = "";

  @Option(names = "--rank", defaultValue = "auto", description = "Rank-one parts, or auto.")
  private String rank = "";

  @Option(names = "--probes", description = "Independent probes.")
  private @Nullable Integer probes;

  @Option(
      names = "--micro-batch",
      defaultValue = "auto",
      description = "Examples squared together, auto or whole.")
  private String microBatch = "";

  @Option(
      names = "--likelihood",
      defaultValue = "categorical",
      description = "categorical, bernoulli or gaussian (default ${DEFAULT-VALUE}).")
  private String likelihood = "";

  @Option(
      names = "--path",
      defaultValue = "auto",
      description = "auto, plain (a pass for every micro-batch) or tapped (many examples in one).")
  private String path = "";

  @Option(
      names = "--spectrum",
      defaultValue = "auto",
      description =
          "auto, or none: leave out effective rank, top eigenvalue and the plain probes' variation,"
              + " which take most of the time of a small model.")
  private String spectrum = "";

  @Option(names = "--mask", description = "Tensor of the batch whose zeros mask positions.")
  private @Nullable String mask;

  @Option(names = "--sigma", description = "Standard deviation of a gaussian output (default 1).")
  private @Nullable Double sigma;

  @Option(
      names = "--distribution",
      defaultValue = "rademacher",
      description = "rademacher or gaussian (default ${DEFAULT-VALUE}).")
  private String distribution = "";

  @Option(
      names = "--target-relative-error",
      description = "Spends probes until the trace of F is known so well.")
  private @Nullable Double target;

  @Option(names = "--seed", defaultValue = "0", description = "Seed of all randomness.")
  private long seed;

  @Option(names = "--layers", description = "JSON file: [{\"name\": …, \"match\": RE2}, …].")
  private @Nullable Path layers;

  @Option(names = "--diagonal", description = "safetensors file to write the diagonals to.")
  private @Nullable Path diagonal;

  @Option(names = "--device", defaultValue = "auto", description = "auto, cpu or cuda:N.")
  private String device = "";

  @Option(names = "--threads", defaultValue = "0", description = "Cores to use; 0 for all.")
  private int threads;

  @Option(names = "--low-priority", description = "Leave the cores to others (nice 19).")
  private boolean lowPriority;

  @Option(names = "--format", defaultValue = "json", description = "json or table.")
  private String format = "";

  @Option(names = "--quiet", description = "No progress.")
  private boolean quiet;

  @Override
  public Integer call() throws UsageException, ModelException, IOException {
    EstimatorSettings settings = settings();
    Likelihood output = likelihood();
    List<LayerMap.Rule> rules = rules();
    requireOneOf("--format", format, List.of("json", "table"));
    requireOneOf("--spectrum", spectrum, List.of("auto", "none"));
    requireOneOf("--path", path, List.of("auto", "plain", "tapped"));
    requireFiles();
    if (threads < 0) {
      throw new UsageException("--threads " + threads + " is below 0");
    }
    if (lowPriority) {
      LowPriority.enter(); // before the engine starts threads, which are as nice as their parents
    }
    try (TorchRuntime runtime = runtime();
        Model model =
            runtime.load(graph, new OutputSelector(logitsIndex, Optional.ofNullable(logitsKey)))) {
      if (weights != null) {
        model.replaceWeights(weights, Optional.empty());
      }
      if (path.equals("plain")) {
        model.keepPlain("as asked for");
      }
      LayerMap map = LayerMap.of(model.parameters(), rules);
      ProgressBar bar = new ProgressBar(System.err, "estimate", batches.size());
      Progress progress = quiet ? Progress.NONE : bar;
      long start = System.nanoTime();
      boolean spectral = spectrum.equals("auto");
      try (FixedEstimate estimate =
          new FixedEstimate(model, output, map, settings, spectral, progress)) {
        for (Path file : batches) {
          add(estimate, file, model);
        }
        bar.end();
        requirePath(estimate.figures());
        if (diagonal != null) {
          writeDiagonal(estimate, diagonal);
        }
        print(estimate.figures(), (System.nanoTime() - start) / 1e9);
      }
    }
    return 0;
  }

  private void requirePath(Figures figures) throws ModelException {
    if (path.equals("tapped") && !figures.settings().path().equals("tapped")) {
      throw new ModelException(
          "not-tapped", "--path tapped cannot be had: " + figures.settings().pathReason());
    }
  }

  private TorchRuntime runtime() throws UsageException {
    try {
      return TorchRuntime.open(device, threads);
    } catch (ModelException e) {
      throw new UsageException("--device: " + e.getMessage());
    }
  }

  private EstimatorSettings settings() throws UsageException {
    EstimatorKind kind =
        EstimatorKind.of(estimator)
            .orElseThrow(
                () ->
                    new UsageException(
                        "--estimator '"
                            + estimator
                            + "' is none of deflated, hutchinson, monte-carlo, exact"));
    Distribution probing =
        Distribution.of(distribution)
            .orElseThrow(
                () ->
                    new UsageException(
                        "--distribution '"
                            + distribution
                            + "' is neither rademacher nor gaussian"));
    EnumSet<Estimate> diagonals =
        diagonal == null
            ? EnumSet.of(Estimate.FISHER)
            : EnumSet.of(Estimate.LOWER, Estimate.FISHER, Estimate.UPPER);
    OptionalInt size =
        microBatch.equals("whole")
            ? OptionalInt.of(EstimatorSettings.WHOLE)
            : count("--micro-batch", microBatch, 1);
    Integer given = probes;
    if (given != null && given < 1) {
      throw new UsageException("--probes " + given + " is below 1");
    }
    Double limit = target;
    if (limit != null && !(limit > 0 && limit < 1e9)) {
      throw new UsageException("--target-relative-error " + limit + " is not above 0");
    }
    if (limit != null && given != null) {
      throw new UsageException("--probes and --target-relative-error exclude each other");
    }
    return new EstimatorSettings(
        kind,
        count("--rank", rank, 0),
        given == null ? OptionalInt.empty() : OptionalInt.of(given),
        size,
        probing,
        seed,
        diagonals,
        new Budget(
            limit == null ? OptionalDouble.empty() : OptionalDouble.of(limit),
            OptionalDouble.empty()));
  }

  private static OptionalInt count(String option, String value, int least) throws UsageException {
    if (value.equals("auto")) {
      return OptionalInt.empty();
    }
    try {
      int number = Integer.parseInt(value);
      if (number >= least) {
        return OptionalInt.of(number);
      }
    } catch (NumberFormatException e) {
      throw new UsageException(option + " '" + value + "' is neither a whole number nor auto");
    }
    throw new UsageException(option + " " + value + " is below " + least);
  }

  private Likelihood likelihood() throws UsageException {
    requireOneOf("--likelihood", likelihood, List.of("categorical", "bernoulli", "gaussian"));
    Double deviation = sigma;
    if (deviation != null && !likelihood.equals("gaussian")) {
      throw new UsageException("--sigma belongs to --likelihood gaussian only");
    }
    try {
      return switch (likelihood) {
        case "bernoulli" -> Likelihood.bernoulli();
        case "gaussian" -> Likelihood.gaussian(deviation == null ? 1 : deviation);
        default -> Likelihood.categorical();
      };
    } catch (IllegalArgumentException e) {
      throw new UsageException("--sigma: " + e.getMessage());
    }
  }

  private static void requireOneOf(String option, String value, List<String> accepted)
      throws UsageException {
    if (!accepted.contains(value)) {
      throw new UsageException(
          option + " '" + value + "' is none of " + String.join(", ", accepted));
    }
  }

  private void requireFiles() throws UsageException {
    List<Path> files = new ArrayList<>(batches);
    files.add(graph);
    if (weights != null) {
      files.add(weights);
    }
    for (Path file : files) {
      if (!Files.isRegularFile(file)) {
        throw new UsageException(file + " is not there, or no plain file");
      }
    }
    if (diagonal != null && !Files.isDirectory(folderOf(diagonal))) {
      throw new UsageException("--diagonal: the folder " + folderOf(diagonal) + " is not there");
    }
  }

  private static Path folderOf(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    return folder == null ? file.toAbsolutePath() : folder;
  }

  private List<LayerMap.Rule> rules() throws UsageException, IOException {
    Path file = layers;
    if (file == null) {
      return List.of();
    }
    if (!Files.isRegularFile(file)) {
      throw new UsageException(file + " is not there, or no plain file");
    }
    List<LayerMap.Rule> rules = new ArrayList<>();
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(file.toFile());
    } catch (JsonProcessingException e) {
      throw new IOException(file + " is not JSON: " + e.getOriginalMessage(), e);
    }
    JsonNode list = root.isObject() ? root.path("layers") : root; // as in a checkpoint, or alone
    if (!list.isArray()) {
      throw new IOException(file + " holds no list of rules {\"name\": …, \"match\": …}");
    }
    for (JsonNode rule : list) {
      String name = rule.path("name").asText("");
      String match = rule.path("match").asText("");
      if (name.isEmpty() || name.startsWith("_") || match.isEmpty()) {
        throw new IOException(
            file + ": rule " + rule + " needs a name that does not begin with _, and a match");
      }
      try {
        rules.add(new LayerMap.Rule(name, Pattern.compile(match)));
      } catch (PatternSyntaxException e) {
        throw new IOException(
            file + ": '" + match + "' is not in RE2 syntax: " + e.getMessage(), e);
      }
    }
    return rules;
  }

  private void add(FixedEstimate estimate, Path file, Model model)
      throws IOException, ModelException {
    Batch batch = batch(file, model);
    try {
      estimate.add(batch);
    } catch (ModelException e) {
      throw new ModelException(e.code(), file + ": " + e.getMessage(), e);
    }
  }

  private Batch batch(Path file, Model model) throws IOException {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      for (TensorInfo tensor : reader.tensors()) {
        tensors.put(tensor.name(), reader.read(tensor.name()));
      }
    }
    try {
      return BatchInputs.select(tensors, inputs, Optional.ofNullable(mask), model.inputNames());
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage() + " (--inputs)", e);
    }
  }

  /** Writes beside the target and renames, so that nobody finds half a file. */
  private static void writeDiagonal(FixedEstimate estimate, Path target) throws IOException {
    Path part = Files.createTempFile(folderOf(target), "diagonal", ".part");
    try {
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(part), 1 << 16)) {
        estimate.writeDiagonals(out);
      }
      Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private void print(Figures figures, double seconds) throws IOException {
    if (format.equals("table")) {
      System.out.print(FiguresTable.of(figures));
      return;
    }
    ObjectNode json = FiguresJson.of(figures);
    json.put("seconds", seconds);
    System.out.println(
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }
}
