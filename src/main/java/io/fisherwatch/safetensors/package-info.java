/**
 * Reads and writes safetensors files, checked and bounded. The door is {@link
 * io.fisherwatch.safetensors.SafetensorsReader}.
 */
@NullMarked
package io.fisherwatch.safetensors;

import org.jspecify.annotations.NullMarked;
