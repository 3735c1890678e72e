package io.fisherwatch.cli;

import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What the agent runs as a child process, to see whether a graph that nobody vouches for can be
 * loaded, and run forwards and backwards on a few examples. Prints {@code refused CODE MESSAGE} if
 * not.
 */
@Command(name = "probe-graph", hidden = true, description = "Tries a graph, for the agent.")
final class ProbeGraphCommand implements Callable<Integer> {

  private static final int REFUSED = 3;
  private static final int MOST_EXAMPLES = 2;

  @Option(names = "--graph", required = true)
  private Path graph = Path.of("");

  @Option(names = "--batch")
  private @Nullable Path batch;

  @Option(names = "--inputs", split = ",")
  private List<String> inputs = new ArrayList<>();

  @Option(names = "--logits-index", defaultValue = "0")
  private int logitsIndex;

  @Option(names = "--logits-key")
  private @Nullable String logitsKey;

  @Override
  public Integer call() throws IOException {
    OutputSelector output = new OutputSelector(logitsIndex, Optional.ofNullable(logitsKey));
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 1);
        Model model = runtime.load(graph, output)) {
      Path file = batch;
      if (file != null) {
        run(model, SafetensorsReader.decode(Files.readAllBytes(file), file.toString()));
      }
      return 0;
    } catch (ModelException e) {
      System.out.println("refused " + e.code() + " " + e.getMessage().replaceAll("\\s+", " "));
      return REFUSED;
    }
  }

  private void run(Model model, Map<String, HostTensor> tensors) throws ModelException {
    List<HostTensor> ordered = inputs.stream().map(tensors::get).toList();
    try (BoundBatch bound = model.bind(ordered);
        ForwardPass pass = bound.forward(0, Math.min(MOST_EXAMPLES, bound.examples()))) {
      Cotangents cotangents = new Cotangents(pass.logits());
      double[] ones = new double[pass.logits().classes()];
      Arrays.fill(ones, 1);
      for (int row = 0; row < pass.logits().rows(); row++) {
        cotangents.set(row, ones);
      }
      Gradient unused = pass.pullBack(cotangents, null);
      boolean tapped = bound.squaresEach(); // runs the graph's other method, forwards and backwards
      System.out.println(tapped ? "tapped" : "plain");
    }
  }
}
