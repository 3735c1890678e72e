package io.fisherwatch.kafka;

import io.fisherwatch.event.CloudEventCodec;
import io.fisherwatch.event.Disposition;
import io.fisherwatch.event.EndedEvent;
import io.fisherwatch.event.EventAbandonedException;
import io.fisherwatch.event.EventDecoder;
import io.fisherwatch.event.EventHandler;
import io.fisherwatch.event.EventListener;
import io.fisherwatch.event.EventMessage;
import io.fisherwatch.event.EventType;
import io.fisherwatch.event.ReceivedEvent;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.TrainingEvent;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * The thread that works: takes one record after the other through the codec to the handler, or to
 * the dead letters. A handler that takes minutes holds up nobody but itself.
 */
final class RecordWorker implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(RecordWorker.class);

  private static final Duration IDLE = Duration.ofSeconds(1);

  private final WorkQueue queue;
  private final EventDecoder decoder;
  private final EventHandler handler;
  private final EventListener listener;
  private final DeadLetters deadLetters;
  private final LongSupplier nanoTime;
  private final Set<String> logged = new HashSet<>();
  private volatile boolean givenUp;

  RecordWorker(
      WorkQueue queue,
      EventDecoder decoder,
      EventHandler handler,
      EventListener listener,
      DeadLetters deadLetters,
      LongSupplier nanoTime) {
    this.queue = queue;
    this.decoder = decoder;
    this.handler = handler;
    this.listener = listener;
    this.deadLetters = deadLetters;
    this.nanoTime = nanoTime;
  }

  @Override
  public void run() {
    try {
      while (!queue.isClosed()) {
        WorkQueue.Work work = queue.take(IDLE);
        if (work == null) {
          listener.idle();
        } else if (processMarked(work)) {
          queue.processed(work);
        } else {
          queue.abandoned();
        }
      }
    } catch (InterruptedException e) {
      queue.abandoned(); // only stopping interrupts
    } catch (OutOfMemoryError | LinkageError e) {
      queue.fail(e);
    } catch (RuntimeException | Error e) {
      queue.fail(new AssertionError("the event worker failed", e));
    }
  }

  /** Lets go of the record in hand as soon as it can be told; the thread is to be interrupted. */
  void giveUp() {
    givenUp = true;
  }

  /** Marks what is logged meanwhile with the event's run and step. */
  private boolean processMarked(WorkQueue.Work work) throws InterruptedException {
    try {
      return process(work);
    } finally {
      MDC.remove("run");
      MDC.remove("step");
    }
  }

  private boolean process(WorkQueue.Work work) throws InterruptedException {
    ConsumerRecord<byte[], byte[]> record = work.record();
    long start = nanoTime.getAsLong();
    EventType type = EventType.OTHER;
    Disposition ending;
    EventMessage message = Messages.of(record);
    try {
      checkReadable(record);
      TrainingEvent event = decoder.decode(message);
      MDC.put("run", event.run());
      MDC.put("step", Long.toString(event.step()));
      type = EventType.of(event);
      ending =
          Disposition.of(
              handler.handle(
                  new ReceivedEvent(
                      event,
                      record.topic(),
                      record.partition(),
                      record.offset(),
                      work.assignment(),
                      () -> queue.isOvertaken(record))));
    } catch (OutOfMemoryError | LinkageError e) {
      throw e; // the process is broken, not the event
    } catch (RejectedEventException e) {
      type = CloudEventCodec.typeOf(message);
      ending = Disposition.DEAD_LETTERED;
      if (!reject(record, e.code(), String.valueOf(e.getMessage()))) {
        return false;
      }
    } catch (EventAbandonedException e) {
      LOG.debug("{} is left to the next owner: {}", Messages.place(record), e.getMessage());
      return false;
    } catch (RuntimeException | Error e) {
      if (givenUp) {
        return false; // perhaps it failed because it was interrupted
      }
      ending = Disposition.DEAD_LETTERED;
      if (!crash(record, e)) {
        return false;
      }
    }
    double seconds = 1e-9 * (nanoTime.getAsLong() - start);
    listener.ended(
        new EndedEvent(
            type,
            ending,
            seconds,
            record.topic(),
            record.partition(),
            record.offset(),
            work.assignment(),
            record.timestamp()));
    return true;
  }

  private static void checkReadable(ConsumerRecord<byte[], byte[]> record)
      throws RejectedEventException {
    if (record instanceof UnreadableRecord unreadable) {
      throw new RejectedEventException(
          UnreadableRecord.CODE,
          "Kafka's client cannot read the record, which is lost: " + unreadable.reason());
    }
    byte[] value = record.value();
    if (value != null && value.length > Clients.LARGEST_RECORD) {
      throw new RejectedEventException(
          "record-too-large",
          "the value has "
              + value.length
              + " bytes; "
              + Clients.LARGEST_RECORD
              + " are allowed. A batch may be in a file that the event points to");
    }
  }

  private boolean reject(ConsumerRecord<byte[], byte[]> record, String code, String message)
      throws InterruptedException {
    if (logged.add(code)) {
      LOG.warn(
          "{} goes to the dead letters: {}: {} (further ones of this code are not logged)",
          Messages.place(record),
          code,
          message);
    }
    return deadLetters.send(record, code, message, () -> givenUp);
  }

  private boolean crash(ConsumerRecord<byte[], byte[]> record, Throwable e)
      throws InterruptedException {
    String message = e.toString().replaceAll("\\p{Cntrl}+", " ");
    if (logged.add("internal-error " + e.getClass().getName())) {
      LOG.error("{} goes to the dead letters: internal-error", Messages.place(record), e);
    } else {
      LOG.warn("{} goes to the dead letters: internal-error: {}", Messages.place(record), message);
    }
    return deadLetters.send(record, "internal-error", message, () -> givenUp);
  }
}
