package io.fisherwatch.event;

import java.util.concurrent.CompletableFuture;

/** Where events go. For any thread. */
public interface EventSink extends AutoCloseable {

  /**
   * Sends an event. Those of one run arrive in the order of the calls.
   *
   * @return completes when it is safe, or exceptionally if it could not be sent
   */
  CompletableFuture<Void> publish(TrainingEvent event);

  /** Waits until everything published so far has been sent, or has failed. */
  void flush();

  /** Flushes for a bounded time, then lets go. */
  @Override
  void close();
}
