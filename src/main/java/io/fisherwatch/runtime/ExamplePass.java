package io.fisherwatch.runtime;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A forward pass whose examples can be pulled back each by itself, all in one backward pass. */
public interface ExamplePass extends ForwardPass {

  /**
   * Cotangents to be pulled back example by example: gₙ = Σ Jᵀu over the rows of example n.
   *
   * @param cotangents as many rows and classes as the logits
   * @param squares where to add gₙ∘gₙ of every example, or null; of an example with a value that is
   *     not finite nothing is added
   */
  record Pull(Cotangents cotangents, @Nullable DiagonalArray squares) {}

  /**
   * How many pulls are worth to be made in one call, at most; at least 1. It hangs on the model and
   * the pass, not on the machine's other work.
   */
  int pullsTogether();

  /**
   * Pulls cotangents back example by example.
   *
   * @return for every pull the gradient of each example
   * @throws ModelException {@code no-gradient} if the graph cannot be differentiated
   */
  List<List<Gradient>> pullBackEach(List<Pull> pulls) throws ModelException;
}
