/**
 * The PyTorch runtime, and the only owner of native memory. The door is {@link
 * io.fisherwatch.djl.TorchRuntime}.
 */
@NullMarked
package io.fisherwatch.djl;

import org.jspecify.annotations.NullMarked;
