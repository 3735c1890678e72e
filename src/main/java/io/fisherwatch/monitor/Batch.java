package io.fisherwatch.monitor;

import io.fisherwatch.safetensors.HostTensor;
import java.util.List;
import java.util.Optional;

/**
 * Data to estimate on.
 *
 * @param inputs the model's inputs, in the order of its arguments; the first dimension of each is
 *     the example
 * @param labels class indices, [examples] or [examples, positions]; −100 masks a position
 * @param mask [examples, positions], 0 where a position is masked; takes precedence over labels
 */
public record Batch(
    List<HostTensor> inputs, Optional<HostTensor> labels, Optional<HostTensor> mask) {

  public Batch {
    inputs = List.copyOf(inputs);
  }
}
