/**
 * Configuration files: YAML with the environment laid over it, every mistake in it, and the
 * sections that all long-running commands have. The door is {@link
 * io.fisherwatch.config.ConfigTree}.
 */
@NullMarked
package io.fisherwatch.config;

import org.jspecify.annotations.NullMarked;
