/**
 * The composition root: configuration, wiring and life cycle of the sidecar. The door is {@link
 * io.fisherwatch.agent.Agent}.
 */
@NullMarked
package io.fisherwatch.agent;

import org.jspecify.annotations.NullMarked;
