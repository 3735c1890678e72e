package io.fisherwatch.kafka;

import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.EventDecoder;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.EventListener;
import io.fisherwatch.event.EventSource;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/**
 * Consumes the topic of the events as a member of a group: at least once, in the order of each
 * partition. An event's offset is committed after it was handled, skipped, or safe among the dead
 * letters. Works under both of Kafka's group protocols.
 *
 * <p>{@link #run} polls on the caller's thread and works on another, so that a slow handler does
 * not cost the membership. A broker that is away is waited for.
 */
public final class KafkaEventSource implements EventSource {

  /** For the event in hand, where nobody says otherwise. */
  private static final Duration PATIENCE = Duration.ofSeconds(6);

  /** What stopping takes besides, at most: a last commit, a last state, a farewell. */
  private static final Duration REST = Duration.ofSeconds(19);

  private static final long JOIN_MILLIS = 500;
  private static final long STEP_MILLIS = 100;

  private final KafkaSettings settings;
  private final Duration patience;
  private final EventDecoder decoder;
  private final SourceHealth health;
  private final AtomicBoolean started = new AtomicBoolean();
  private final AtomicBoolean stopping = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile @Nullable Thread poller;
  private volatile @Nullable Thread worker;

  /** A source that connects when it runs. */
  public KafkaEventSource(KafkaSettings settings) {
    this(settings, PATIENCE);
  }

  /**
   * A source that connects when it runs.
   *
   * @param patience how long the event in hand may still take when the source is to stop
   */
  public KafkaEventSource(KafkaSettings settings, Duration patience) {
    this(settings, patience, CloudEventCodec::decode);
  }

  /**
   * A source of events that are to be decoded in another way.
   *
   * @param patience how long the event in hand may still take when the source is to stop
   */
  public KafkaEventSource(KafkaSettings settings, Duration patience, EventDecoder decoder) {
    this.decoder = decoder;
    this.settings = settings;
    this.patience = patience;
    this.health = new SourceHealth(settings);
  }

  @Override
  public void run(EventHandler handler, EventListener listener) {
    if (!started.compareAndSet(false, true)) {
      throw new IllegalStateException("a source runs once");
    }
    poller = Thread.currentThread();
    Backoff backoff = new Backoff();
    try {
      while (!stopping.get() && !consumed(handler, listener)) {
        pause(backoff.advance());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      health.stopped();
      ended.countDown();
    }
  }

  /** Waits, in short steps: stopping does not interrupt. */
  private void pause(long millis) throws InterruptedException {
    for (long waited = 0; waited < millis && !stopping.get(); waited += STEP_MILLIS) {
      TimeUnit.MILLISECONDS.sleep(STEP_MILLIS);
    }
  }

  /** Consumes until it is to stop; false if that needs new clients, names or tokens. */
  private boolean consumed(EventHandler handler, EventListener listener) {
    try {
      return consume(handler, listener);
    } catch (KafkaException e) {
      if (Clients.isUnresolved(e)) {
        health.fails("none of " + settings.bootstrapServers() + " has an address");
      } else if (Refusals.isLoginFailure(e)) {
        health.fails(
            "there is nothing to log in to Kafka with; correct sasl.* in kafka.properties, or what"
                + " it points to: "
                + Refusals.chain(e));
      } else {
        throw new KafkaException("kafka.properties cannot be used: " + Refusals.chain(e), e);
      }
      return false;
    }
  }

  private boolean consume(EventHandler handler, EventListener listener) {
    WorkQueue queue = new WorkQueue();
    boolean done;
    try (DeadLetters deadLetters = new DeadLetters(settings, health);
        PollLoop loop = new PollLoop(settings, health, listener, queue, stopping::get)) {
      RecordWorker work =
          new RecordWorker(queue, decoder, handler, listener, deadLetters, System::nanoTime);
      Thread thread = new Thread(work, "fisherwatch-events");
      thread.setDaemon(true);
      worker = thread;
      thread.start();
      try {
        done = loop.run();
        loop.finish(work, thread, patience);
      } finally {
        queue.close();
        work.giveUp();
        thread.interrupt();
        joinBriefly(thread);
      }
    }
    Error failure = queue.failure();
    if (failure != null) {
      throw failure;
    }
    return done;
  }

  /** So that a handler that heeds interrupts is out of the way before its owner closes things. */
  private static void joinBriefly(Thread thread) {
    try {
      thread.join(JOIN_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void stop() {
    stopping.set(true);
    health.stopping();
    Thread current = Thread.currentThread();
    if (!started.get() || current.equals(poller) || current.equals(worker)) {
      return;
    }
    try {
      long most = patience.plus(REST).toSeconds();
      if (!ended.await(most, TimeUnit.SECONDS)) {
        throw new IllegalStateException(
            "the source did not stop within " + most + " s; status: " + status());
      }
    } catch (InterruptedException e) {
      current.interrupt();
    }
  }

  @Override
  public boolean ready() {
    return health.ready();
  }

  @Override
  public String status() {
    return health.status();
  }

  /** What the group's coordinator calls this member; empty while it is none. */
  public String memberId() {
    return health.memberId();
  }

  /** What is missing although events come: records that were gone before they were read. */
  public Optional<String> gap() {
    return health.gap();
  }
}
