package io.fisherwatch.web;

import com.sun.net.httpserver.HttpExchange;
import io.fisherwatch.snapshot.RunSnapshot;
import io.fisherwatch.snapshot.SnapshotBoard;
import io.fisherwatch.snapshot.SnapshotListener;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One listener's stream of server-sent events: the latest snapshot of each run, whenever there is a
 * newer one than it has been sent. A slow listener misses snapshots, and holds up nobody.
 */
final class SnapshotStream implements SnapshotListener {

  private static final long HEARTBEAT_MILLIS = 10_000;

  private final Map<String, RunSnapshot> waiting = new LinkedHashMap<>();
  private volatile boolean stopped;

  @Override
  public void published(RunSnapshot snapshot) {
    synchronized (waiting) {
      waiting.remove(snapshot.run());
      waiting.put(snapshot.run(), snapshot);
      waiting.notifyAll();
    }
  }

  /** Ends the stream. */
  void stop() {
    stopped = true;
    synchronized (waiting) {
      waiting.notifyAll();
    }
  }

  /** Serves one listener until it goes away or the stream is stopped. */
  void serve(HttpExchange exchange, SnapshotBoard board) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
    exchange.sendResponseHeaders(200, 0);
    board.listen(this);
    try (OutputStream out = exchange.getResponseBody()) {
      write(out, "retry: 2000\n\n");
      board.runs().values().forEach(this::published);
      while (!stopped) {
        RunSnapshot next = next();
        if (next == null) {
          write(out, ": still here\n\n");
        } else {
          write(out, "event: snapshot\ndata: " + Responses.text(FiguresJson.of(next)) + "\n\n");
        }
      }
    } finally {
      board.unlisten(this);
    }
  }

  /** Waits for a snapshot, until the next heartbeat is due. */
  private @Nullable RunSnapshot next() throws IOException {
    long deadline = System.nanoTime() + HEARTBEAT_MILLIS * 1_000_000;
    synchronized (waiting) {
      while (waiting.isEmpty() && !stopped) {
        long left = (deadline - System.nanoTime()) / 1_000_000;
        if (left <= 0) {
          return null;
        }
        try {
          waiting.wait(left);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted", e);
        }
      }
      Iterator<RunSnapshot> first = waiting.values().iterator();
      if (!first.hasNext()) {
        return null;
      }
      RunSnapshot snapshot = first.next();
      first.remove();
      return snapshot;
    }
  }

  private static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }
}
