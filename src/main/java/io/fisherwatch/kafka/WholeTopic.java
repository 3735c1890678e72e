package io.fisherwatch.kafka;

import io.fisherwatch.event.EventMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.InvalidOffsetException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a topic as a whole, from its very first record, and goes on as records come: on a thread of
 * its own, in no group. A topic that is missing is made, to be kept for ever; a partition whose
 * first record has been removed is refused. A broker that is away is waited for, and partitions
 * that are added are read from their first record too.
 */
public final class WholeTopic implements AutoCloseable {

  /** Takes what is read. Called by the thread that reads. */
  public interface Receiver {

    /**
     * The next record of its partition.
     *
     * @param place where it stands, for messages
     */
    void received(EventMessage message, String place);

    /** The topic cannot be read as a whole, for this reason; nothing more will come. */
    void refused(String reason);
  }

  private static final Logger LOG = LoggerFactory.getLogger(WholeTopic.class);
  private static final Duration STEP = Duration.ofMillis(500);
  private static final long CLOSE_MILLIS = 5_000;

  private final KafkaSettings settings;
  private final String topic;
  private final Receiver receiver;
  private final Thread thread;
  private final CompletableFuture<Void> caughtUp = new CompletableFuture<>();
  private final ConcurrentLinkedQueue<CompletableFuture<Void>> questions =
      new ConcurrentLinkedQueue<>();
  private final CountDownLatch closing = new CountDownLatch(1);
  private final WholeTopicReach reach;
  private volatile @Nullable Consumer<byte[], byte[]> reading;
  private volatile @Nullable String trouble;
  private volatile @Nullable String misfit;
  private final AtomicLong records = new AtomicLong();

  private WholeTopic(KafkaSettings settings, String topic, Receiver receiver) {
    this.settings = settings;
    this.topic = topic;
    this.receiver = receiver;
    this.reach = new WholeTopicReach(settings, topic);
    this.thread = new Thread(this::run, "fisherwatch-" + topic);
    thread.setDaemon(true);
  }

  /** Begins to read. */
  public static WholeTopic open(KafkaSettings settings, String topic, Receiver receiver) {
    WholeTopic opened = new WholeTopic(settings, topic, receiver);
    opened.thread.start();
    return opened;
  }

  /**
   * Completes when everything has been read that was there at the beginning; exceptionally if the
   * topic is refused before, or closed.
   */
  public CompletableFuture<Void> caughtUp() {
    return caughtUp.copy();
  }

  /**
   * Waits until everything has been read that is there now.
   *
   * @return false if that is not known within the time
   */
  public boolean refresh(Duration time) throws InterruptedException {
    CompletableFuture<Void> question = new CompletableFuture<>();
    questions.add(question);
    Consumer<byte[], byte[]> current = reading;
    if (current != null) {
      current.wakeup();
    }
    try {
      question.get(time.toNanos(), TimeUnit.NANOSECONDS);
      return true;
    } catch (ExecutionException | TimeoutException e) {
      return false;
    }
  }

  /** One line that says how it gets on. */
  public String status() {
    String what = trouble;
    if (what != null) {
      return what;
    }
    return "reading %s from its first record: %d so far".formatted(topic, records.get());
  }

  /** What is not as it should be although it works: the topic's settings. */
  public Optional<String> problem() {
    return Optional.ofNullable(trouble).or(() -> Optional.ofNullable(misfit));
  }

  private boolean isClosing() {
    return closing.getCount() == 0;
  }

  private void run() {
    Backoff backoff = new Backoff();
    String refused = null;
    try {
      while (!isClosing() && refused == null) {
        try {
          refused = read(backoff);
        } catch (KafkaException e) {
          fails(e);
          boolean unused = closing.await(backoff.advance(), TimeUnit.MILLISECONDS);
        }
      }
    } catch (InterruptedException e) {
      LOG.debug("interrupted: {} is not read any more", topic); // only close() interrupts
    } catch (RuntimeException e) {
      LOG.error("reading {} failed", topic, e);
      refused = topic + " cannot be read any more: " + e;
    } finally {
      String why = refused == null ? topic + " is not read any more" : refused;
      caughtUp.completeExceptionally(new IllegalStateException(why));
      reach.close();
    }
    if (refused != null) {
      LOG.error("{}", refused);
      trouble = refused;
      receiver.refused(refused);
    }
  }

  /**
   * Reads with one client until it is closed or needs another.
   *
   * @return why the topic is refused; null if it is closed
   */
  private @Nullable String read(Backoff backoff) throws InterruptedException {
    misfit = Topics.require(settings, topic, Topics.COMPLETE).orElse(null);
    if (misfit != null) {
      LOG.warn("{}, lest its first records go and it be refused", misfit);
    }
    try (Consumer<byte[], byte[]> consumer = Clients.reader(settings)) {
      reading = consumer;
      reach.renew();
      while (!isClosing()) {
        try {
          step(consumer);
          backoff.reset();
        } catch (WakeupException e) {
          LOG.trace("woken up"); // somebody asks, or closes
        } catch (TopicRefusedException | InvalidOffsetException e) {
          return e instanceof TopicRefusedException refusal
              ? refusal.getMessage()
              : topic + " has lost records before they were read, or was made anew: " + e;
        } catch (RetriableException e) {
          fails(e);
          boolean unused = closing.await(backoff.advance(), TimeUnit.MILLISECONDS);
        }
      }
      return null;
    } finally {
      reading = null;
    }
  }

  private void step(Consumer<byte[], byte[]> consumer)
      throws InterruptedException, TopicRefusedException {
    if (reach.look(consumer)) {
      works();
    }
    if (consumer.assignment().isEmpty()) {
      boolean unused = closing.await(STEP.toMillis(), TimeUnit.MILLISECONDS);
      return;
    }
    List<CompletableFuture<Void>> asked = new ArrayList<>();
    for (CompletableFuture<Void> one = questions.poll(); one != null; one = questions.poll()) {
      asked.add(one);
    }
    if (!asked.isEmpty()) {
      try {
        reach.ask(consumer, asked);
      } catch (WakeupException | RetriableException e) {
        questions.addAll(asked);
        throw e;
      }
    }
    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(STEP)) {
      receiver.received(Messages.of(record), Messages.place(record));
      reach.read(record);
      records.incrementAndGet();
    }
    reach.settle(consumer);
    if (reach.isCaughtUp() && !caughtUp.isDone()) {
      LOG.info("{} is read: {} records", topic, records);
      caughtUp.complete(null);
    }
  }

  private void works() {
    if (trouble != null) {
      LOG.info("reading {} works again", topic);
    }
    trouble = null;
  }

  private void fails(KafkaException e) {
    String why =
        e instanceof ApiException refusal && !(e instanceof RetriableException)
            ? Refusals.of(settings, refusal)
            : Refusals.chain(e);
    String what = "cannot read " + topic + ": " + why;
    if (trouble == null) {
      LOG.warn("{}; trying again until it works", what);
    }
    trouble = what;
  }

  @Override
  public void close() {
    closing.countDown();
    Consumer<byte[], byte[]> current = reading;
    if (current != null) {
      current.wakeup();
    }
    try {
      thread.join(CLOSE_MILLIS);
      thread.interrupt();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
