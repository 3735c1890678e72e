package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.List;

/**
 * How many of something fit, which is found out with inputs and holds for all of their kind. The
 * last is kept: one batch is mostly like the next. One thread.
 */
final class Fitting {

  /** The type and shape of an input. */
  record Kind(DataType type, Shape shape) {

    /** The kinds of whole inputs. */
    static List<Kind> of(NDList inputs) {
      return inputs.stream().map(input -> new Kind(input.getDataType(), input.getShape())).toList();
    }

    /** The kinds of one example of each input. */
    static List<Kind> ofExample(NDList inputs) {
      return inputs.stream().map(Kind::ofExample).toList();
    }

    private static Kind ofExample(NDArray input) {
      return new Kind(input.getDataType(), input.getShape().slice(1));
    }
  }

  private List<Kind> inputs = List.of();
  private int count;

  /** How many; 0 if that is not known. */
  int of(List<Kind> kinds) {
    return kinds.equals(inputs) ? count : 0;
  }

  void learn(List<Kind> kinds, int found) {
    inputs = kinds;
    count = found;
  }
}
