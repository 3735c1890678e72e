package io.fisherwatch.bench;

import io.fisherwatch.djl.BareLoop;
import io.fisherwatch.djl.TorchRuntime;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A process whose memory is that of a bare loop. */
public final class BareProcess {

  private BareProcess() {}

  /**
   * Arguments: graph, batch, the loop's own graph, backward passes of a forward pass, its examples.
   */
  public static void main(String[] args) throws IOException, ModelException {
    Path batch = Path.of(args[1]);
    int backwards = Integer.parseInt(args[3]);
    int together = Integer.parseInt(args[4]);
    Map<String, HostTensor> tensors =
        SafetensorsReader.decode(Files.readAllBytes(batch), batch.toString());
    try (TorchRuntime runtime = TorchRuntime.open("cpu", 0);
        Model model = runtime.load(Path.of(args[0]), OutputSelector.FIRST)) {
      List<HostTensor> inputs =
          model.inputNames().orElseThrow().stream().map(tensors::get).toList();
      try (BareLoop loop = BareLoop.of(model, Path.of(args[2]), inputs)) {
        int examples = Math.toIntExact(inputs.get(0).size(0));
        for (int from = 0; from < examples; from += together) {
          loop.pass(from, Math.min(examples, from + together), backwards);
        }
      }
    }
  }
}
