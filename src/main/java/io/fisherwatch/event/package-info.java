/**
 * Training events and the ports through which they come and go. The door is {@link
 * io.fisherwatch.event.TrainingEvent}.
 */
@NullMarked
package io.fisherwatch.event;

import org.jspecify.annotations.NullMarked;
