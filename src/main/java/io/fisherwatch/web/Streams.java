package io.fisherwatch.web;

import com.sun.net.httpserver.HttpExchange;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/** The streams that are open. */
final class Streams {

  private final SnapshotBoard board;
  private final int most;
  private final Semaphore free;
  private final Set<SnapshotStream> open = ConcurrentHashMap.newKeySet();

  /**
   * @param most streams that are open at once
   */
  Streams(SnapshotBoard board, int most) {
    this.board = board;
    this.most = most;
    this.free = new Semaphore(most);
  }

  /**
   * Serves a stream for as long as it lasts.
   *
   * @param run the only run whose layers are told of; all runs' if empty
   */
  void serve(HttpExchange exchange, Optional<String> run) throws IOException {
    if (!free.tryAcquire()) {
      Responses.problem(exchange, 503, "Service Unavailable", most + " streams are open already");
      return;
    }
    SnapshotStream stream = new SnapshotStream(run);
    open.add(stream);
    try {
      stream.serve(exchange, board);
    } finally {
      open.remove(stream);
      free.release();
    }
  }

  /** Ends them all. */
  void stop() {
    open.forEach(SnapshotStream::stop);
  }
}
