package io.fisherwatch.web;

import com.sun.net.httpserver.HttpExchange;
import io.fisherwatch.snapshot.SnapshotBoard;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The streams that are open. */
final class Streams {

  /** Streams held open at once, so that they leave threads for scrapes. */
  private static final int MOST = 48;

  private final SnapshotBoard board;
  private final Set<SnapshotStream> open = ConcurrentHashMap.newKeySet();

  Streams(SnapshotBoard board) {
    this.board = board;
  }

  /**
   * Serves a stream for as long as it lasts.
   *
   * @param run the only run whose layers are told of; all runs' if empty
   */
  void serve(HttpExchange exchange, Optional<String> run) throws IOException {
    if (open.size() >= MOST) {
      Responses.problem(exchange, 503, "Service Unavailable", MOST + " streams are open already");
      return;
    }
    SnapshotStream stream = new SnapshotStream(run);
    open.add(stream);
    try {
      stream.serve(exchange, board);
    } finally {
      open.remove(stream);
    }
  }

  /** Ends them all. */
  void stop() {
    open.forEach(SnapshotStream::stop);
  }
}
