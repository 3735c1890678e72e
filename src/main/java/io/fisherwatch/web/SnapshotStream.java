package io.fisherwatch.web;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
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
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One listener's stream of server-sent events: the latest snapshot of each run, whenever there is a
 * newer one than it has been sent. A slow listener misses snapshots, and holds up nobody.
 *
 * <p>One that looks at a single run is sent that run's layers only: {@code snapshot} for it, {@code
 * summary} for the others, and now and then {@code runs}, the names of all, which is also the sign
 * of life that a browser can hear.
 */
final class SnapshotStream implements SnapshotListener {

  private static final long HEARTBEAT_NANOS = 10_000_000_000L;

  private final Map<String, RunSnapshot> waiting = new LinkedHashMap<>();
  private final Optional<String> focus;
  private volatile boolean stopped;

  /**
   * @param focus the run to look at; all if empty
   */
  SnapshotStream(Optional<String> focus) {
    this.focus = focus;
  }

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
      alive(out, board);
      board.runs().values().forEach(this::published);
      long due = System.nanoTime() + HEARTBEAT_NANOS;
      while (!stopped) {
        RunSnapshot next = next(due);
        if (System.nanoTime() >= due) {
          alive(out, board);
          due = System.nanoTime() + HEARTBEAT_NANOS;
        }
        if (next == null) {
          continue;
        }
        if (focus.isEmpty() || focus.get().equals(next.run())) {
          event(out, "snapshot", FiguresJson.of(next));
        } else {
          event(out, "summary", FiguresJson.summary(next));
        }
      }
    } finally {
      board.unlisten(this);
    }
  }

  /** Waits for a snapshot, until the next heartbeat is due. */
  private @Nullable RunSnapshot next(long due) throws IOException {
    synchronized (waiting) {
      while (waiting.isEmpty() && !stopped) {
        long left = (due - System.nanoTime() + 999_999) / 1_000_000;
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

  private void alive(OutputStream out, SnapshotBoard board) throws IOException {
    if (focus.isEmpty()) {
      write(out, ": still here\n\n");
    } else {
      ArrayNode names = JsonNodeFactory.instance.arrayNode();
      board.runs().keySet().forEach(names::add);
      event(out, "runs", names);
    }
  }

  private static void event(OutputStream out, String name, JsonNode data) throws IOException {
    write(out, "event: " + name + "\ndata: " + Responses.text(data) + "\n\n");
  }

  private static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }
}
