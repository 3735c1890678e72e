/**
 * The port to a differentiable model: parameters, batches, a forward pass and its vector-Jacobian
 * products, and the reductions of gradients that stay on the model's device. The door is {@link
 * io.fisherwatch.runtime.Model}.
 */
@NullMarked
package io.fisherwatch.runtime;

import org.jspecify.annotations.NullMarked;
