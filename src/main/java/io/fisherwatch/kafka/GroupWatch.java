package io.fisherwatch.kafka;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;

/**
 * Who is in the group and has which partition. The brokers are asked when somebody wants to know,
 * once in three seconds at most, on a thread of this class; what they said last stays until they
 * say something else. For any thread.
 */
public final class GroupWatch implements AutoCloseable {

  /** For so long an answer, or a failure, is as good as a new one. */
  private static final long FRESH_NANOS = TimeUnit.SECONDS.toNanos(3);

  private static final Duration ANSWER = Duration.ofSeconds(5);
  private static final Duration GOODBYE = Duration.ofMillis(500);

  private final KafkaSettings settings;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread asking = new Thread(task, "fisherwatch-group");
            asking.setDaemon(true);
            return asking;
          });
  private CompletableFuture<Void> question = CompletableFuture.completedFuture(null);
  private @Nullable Admin admin;
  private @Nullable GroupSight known;
  private @Nullable String trouble;
  private long knownNanos;
  private long settledNanos = System.nanoTime() - FRESH_NANOS;
  private boolean closed;

  /**
   * What is known.
   *
   * @param sight the latest that the brokers said; empty if they never said anything
   * @param ageSeconds how long ago that was; NaN if it never was
   * @param trouble why nothing newer is known; empty if nothing is wrong
   */
  public record Told(Optional<GroupSight> sight, double ageSeconds, Optional<String> trouble) {}

  /** Nothing is asked yet. */
  public GroupWatch(KafkaSettings settings) {
    this.settings = settings;
  }

  /**
   * What is known, after the brokers have been asked again if it is time.
   *
   * @param patience how long to wait for their answer; not at all if they failed the last time
   */
  public Told look(Duration patience) {
    CompletableFuture<Void> asked = ask();
    if (told().trouble().isEmpty()) {
      try {
        asked.get(patience.toNanos(), TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        return told(); // what they said before
      } catch (ExecutionException e) {
        throw new IllegalStateException("a question does not fail, it notes the trouble", e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    return told();
  }

  private synchronized Told told() {
    return new Told(
        Optional.ofNullable(known),
        known == null ? Double.NaN : 1e-9 * (System.nanoTime() - knownNanos),
        Optional.ofNullable(trouble));
  }

  /** The question that is open, or a new one if it is time. */
  private synchronized CompletableFuture<Void> ask() {
    if (question.isDone() && !closed && System.nanoTime() - settledNanos >= FRESH_NANOS) {
      question = CompletableFuture.runAsync(this::settle, thread);
    }
    return question;
  }

  private void settle() {
    try {
      GroupSight sight = new GroupQuestion(admin(), settings, ANSWER).ask();
      note(sight, null);
    } catch (ExecutionException e) {
      note(null, reason(e.getCause() == null ? e : e.getCause()));
    } catch (RuntimeException e) { // whatever it is, the next question comes after a pause
      note(null, reason(e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void note(@Nullable GroupSight sight, @Nullable String why) {
    settledNanos = System.nanoTime();
    trouble = why;
    if (sight != null) {
      known = sight;
      knownNanos = settledNanos;
    }
  }

  private String reason(Throwable e) {
    if (e instanceof ApiException refusal && !(e instanceof RetriableException)) {
      return Refusals.of(settings, refusal);
    }
    return "no answer from Kafka at "
        + settings.bootstrapServers()
        + " about the group "
        + settings.groupId()
        + ": "
        + Refusals.chain(e);
  }

  /** One client for all questions, made with the first of them. */
  private synchronized Admin admin() throws InterruptedException {
    if (closed) {
      throw new InterruptedException("closed");
    }
    Admin client = admin;
    if (client == null) {
      client = Clients.admin(settings);
      admin = client;
    }
    return client;
  }

  @Override
  public void close() {
    Admin client;
    synchronized (this) {
      closed = true;
      client = admin;
      thread.shutdownNow();
    }
    if (client != null) {
      client.close(GOODBYE);
    }
  }
}
