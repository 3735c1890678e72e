package io.fisherwatch.monitor;

import java.util.List;

/**
 * A parameter that has entries in a diagonal.
 *
 * @param name its name in the model
 * @param layer the layer that it belongs to
 * @param shape its dimensions, outermost first
 */
record DiagonalParameter(String name, String layer, List<Long> shape) {

  long entries() {
    return shape.stream().mapToLong(Long::longValue).reduce(1, Math::multiplyExact);
  }
}
