package io.fisherwatch.monitor;

import io.fisherwatch.safetensors.HostTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/** Picks a model's inputs out of named tensors. */
public final class BatchInputs {

  /** The name of the tensor that holds labels. */
  public static final String LABELS = "labels";

  private BatchInputs() {}

  /**
   * Makes a batch of named tensors.
   *
   * @param names the inputs in the order of the graph's arguments; if there are none, the only
   *     tensor besides labels and mask, or else those named like the graph's arguments
   * @param mask the name of the mask
   * @param arguments the names of the graph's arguments, where known
   * @throws IllegalArgumentException if an input or the mask is missing, or the choice is not
   *     clear; the message lists the names found
   */
  public static Batch select(
      Map<String, HostTensor> tensors,
      List<String> names,
      Optional<String> mask,
      Optional<List<String>> arguments) {
    List<String> chosen = names.isEmpty() ? guess(tensors, mask, arguments) : names;
    List<HostTensor> inputs = new ArrayList<>();
    for (String name : chosen) {
      inputs.add(require(tensors, name, "input"));
    }
    Optional<HostTensor> labels =
        chosen.contains(LABELS) ? Optional.empty() : Optional.ofNullable(tensors.get(LABELS));
    Optional<HostTensor> masking = Optional.empty();
    if (mask.isPresent()) {
      masking = Optional.of(require(tensors, mask.get(), "mask"));
    }
    return new Batch(inputs, labels, masking);
  }

  private static List<String> guess(
      Map<String, HostTensor> tensors, Optional<String> mask, Optional<List<String>> arguments) {
    if (arguments.isPresent()
        && !arguments.get().isEmpty()
        && tensors.keySet().containsAll(arguments.get())) {
      return arguments.get();
    }
    TreeSet<String> others = new TreeSet<>(tensors.keySet());
    others.remove(LABELS);
    mask.ifPresent(others::remove);
    if (others.size() == 1) {
      return List.of(others.first());
    }
    throw new IllegalArgumentException(
        "which tensors are the inputs is not clear: found "
            + new TreeSet<>(tensors.keySet())
            + arguments.map(a -> ", the graph takes " + a).orElse("")
            + "; name them in the graph's order");
  }

  private static HostTensor require(Map<String, HostTensor> tensors, String name, String role) {
    HostTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          "the " + role + " '" + name + "' is missing: found " + new TreeSet<>(tensors.keySet()));
    }
    return tensor;
  }
}
