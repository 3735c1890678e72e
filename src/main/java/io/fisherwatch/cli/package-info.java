/** The commands, one small class each. The door is {@link io.fisherwatch.cli.Main}. */
@NullMarked
package io.fisherwatch.cli;

import org.jspecify.annotations.NullMarked;
