package io.fisherwatch.event;

import io.fisherwatch.safetensors.HostTensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Examples that a run was trained on, either here or in a file.
 *
 * @param run the run's name
 * @param step the optimizer step that they were drawn at, at least 0; only recorded
 * @param tensors the model's inputs by name, whose first dimension is the example, and perhaps
 *     {@code labels}; empty if they are in a file
 * @param file the safetensors file that holds them, if they are not here
 * @param shard where it belongs if its run is spread over many agents
 * @param origin who sent it
 */
public record BatchEvent(
    String run,
    long step,
    Map<String, HostTensor> tensors,
    Optional<FileReference> file,
    Optional<Shard> shard,
    Origin origin)
    implements TrainingEvent {

  /** Copies the tensors' map, in its order, and checks that there are tensors or a file. */
  public BatchEvent {
    Checks.run(run);
    Checks.step(step);
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
    if (tensors.isEmpty() == file.isEmpty()) {
      throw new IllegalArgumentException(
          "a batch has either tensors or a file, not " + (file.isEmpty() ? "neither" : "both"));
    }
  }

  /** A batch of a run that one agent watches. */
  public BatchEvent(
      String run,
      long step,
      Map<String, HostTensor> tensors,
      Optional<FileReference> file,
      Origin origin) {
    this(run, step, tensors, file, Optional.empty(), origin);
  }

  /** The same batch, as one of a shard. */
  public BatchEvent in(Shard other) {
    return new BatchEvent(run, step, tensors, file, Optional.of(other), origin);
  }
}
