package io.fisherwatch.bench;

import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The most memory that {@code estimate} has resident, against bare loops in a process alike: one
 * over the whole batch, as that of {@link OverheadSection} is, and one example by example.
 */
final class MemorySection implements Section {

  private static final String MAIN = "io.fisherwatch.cli.Main";
  private static final int BACKWARDS = 4;

  @Override
  public String name() {
    return "memory";
  }

  @Override
  public void run(Bench.Site site, Report.Part part) throws Exception {
    if (!ResidentMemory.isKnown()) {
      part.add("This system does not tell resident memory in /proc.");
      return;
    }
    Workloads.Workload large = site.workloads().large();
    Path batch = site.folder().resolve("batch.safetensors");
    List<HostTensor> inputs = large.batch().inputs();
    List<String> names;
    long parameters;
    try (Model model = site.workloads().load(large)) {
      parameters = model.parameters().stream().mapToLong(Parameter::elements).sum();
      names = model.inputNames().orElseThrow();
    }
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      tensors.put(names.get(i), inputs.get(i));
    }
    Files.write(batch, SafetensorsWriter.encode(tensors));
    Path pull = site.folder().resolve("pull.pt");
    Graphs.writePull(pull);
    int rounds = site.preset().pick(1, 2, 3);
    double[] bare = new double[rounds];
    double[] single = new double[rounds];
    double[] ours = new double[rounds];
    for (int round = 0; round < rounds; round++) {
      bare[round] = bare(site.folder(), large, batch, pull, inputs.get(0).size(0));
      single[round] = bare(site.folder(), large, batch, pull, 1);
      ours[round] =
          peak(
              site.folder(),
              MAIN,
              List.of(
                  "estimate",
                  "--graph",
                  large.graph().toString(),
                  "--batch",
                  batch.toString(),
                  "--inputs",
                  String.join(",", names),
                  "--quiet"));
    }
    double array = 4.0 * parameters;
    double floor = Rounds.median(bare);
    double peak = Rounds.median(ours);
    double ratio = (peak - array) / floor;
    part.add(
        new Table(
                "model",
                "bare loop over the batch",
                "bare loop, example by example",
                "running array",
                "`estimate`",
                "less the array, over the first",
                "over the second")
            .row(
                large.name(),
                Numbers.megabytes(floor),
                Numbers.megabytes(Rounds.median(single)),
                Numbers.megabytes(array),
                Numbers.megabytes(peak),
                Numbers.of(ratio),
                Numbers.of((peak - array) / Rounds.median(single))));
    part.atMost(
        large.name() + ", resident peak less its array, over a whole-batch loop's",
        1.15,
        ratio,
        " ×");
  }

  private static double bare(
      Path folder, Workloads.Workload model, Path batch, Path pull, long examples)
      throws IOException, InterruptedException {
    return peak(
        folder,
        BareProcess.class.getName(),
        List.of(
            model.graph().toString(),
            batch.toString(),
            pull.toString(),
            Integer.toString(BACKWARDS),
            Long.toString(examples)));
  }

  private static double peak(Path folder, String main, List<String> arguments)
      throws IOException, InterruptedException {
    try (ChildProcess child = ChildProcess.start(folder.resolve("child.log"), main, arguments)) {
      return child.awaitPeak();
    }
  }
}
