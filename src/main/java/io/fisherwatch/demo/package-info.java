/**
 * A whole installation in one process: an embedded broker and a real training job beside an agent.
 * The door is {@link io.fisherwatch.demo.Demo}.
 */
@NullMarked
package io.fisherwatch.demo;

import org.jspecify.annotations.NullMarked;
