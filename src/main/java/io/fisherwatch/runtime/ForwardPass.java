package io.fisherwatch.runtime;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A forward pass that can be pulled back as often as wanted. For one thread; several passes of one
 * batch may be pulled back at the same time. Close it before its batch.
 */
public interface ForwardPass extends AutoCloseable {

  /** The logits of all examples of this pass. */
  Logits logits();

  /**
   * Pulls cotangents back: g = Σ Jᵀu over all rows, a vector-Jacobian product, and reduces it on
   * the device.
   *
   * @param cotangents as many rows and classes as the logits
   * @param squares where to add g∘g, or null; nothing is added if a value of g is not finite
   * @throws ModelException {@code no-gradient} if no gradient path leads from the logits to any
   *     parameter
   */
  default Gradient pullBack(Cotangents cotangents, @Nullable DiagonalArray squares)
      throws ModelException {
    return pullBack(cotangents, squares, null);
  }

  /**
   * Pulls cotangents back and compares the gradient with earlier ones.
   *
   * @param memory earlier gradients, whose inner products with this one are wanted; this one is
   *     kept there. Null for none
   * @throws ModelException {@code no-gradient}
   */
  Gradient pullBack(
      Cotangents cotangents, @Nullable DiagonalArray squares, @Nullable GradientMemory memory)
      throws ModelException;

  /**
   * Pulls several cotangents back, each by itself. All gradients are held at the same time.
   *
   * @param all each of as many rows and classes as the logits
   * @param compared whether the gradients are compared with one another
   * @return a gradient for each, if compared with its inner products with all those before it
   * @throws ModelException {@code no-gradient}
   */
  List<Gradient> pullBackTogether(List<Cotangents> all, boolean compared) throws ModelException;

  /** Lets the activations go; once is as good as often. The logits stay. */
  @Override
  void close();
}
