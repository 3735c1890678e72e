package io.fisherwatch.runtime;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A forward pass whose examples can be pulled back each by itself, all in one backward pass. */
public interface ExamplePass extends ForwardPass {

  /**
   * Pulls cotangents back example by example: gₙ = Σ Jᵀu over the rows of example n.
   *
   * @param cotangents as many rows and classes as the logits
   * @param squares where to add gₙ∘gₙ of every example, or null; of an example with a value that is
   *     not finite nothing is added
   * @return the gradient of each example
   * @throws ModelException {@code no-gradient} if the graph cannot be differentiated
   */
  List<Gradient> pullBackEach(Cotangents cotangents, @Nullable DiagonalArray squares)
      throws ModelException;
}
