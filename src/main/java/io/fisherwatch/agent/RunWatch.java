package io.fisherwatch.agent;

import io.fisherwatch.event.BatchEvent;
import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LikelihoodSpec;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.event.RunEndedEvent;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.monitor.Batch;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.snapshot.RunSnapshot;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One run: its model, its monitor, its attempts. Events come on one thread; the diagonal may be
 * asked for on others.
 */
final class RunWatch implements AutoCloseable {

  private final String run;
  private final Workshop workshop;
  private final Clock clock;
  private final RecentIds recent = new RecentIds();

  /** Held while the model works or is read. */
  private final ReentrantLock lock = new ReentrantLock();

  private int attempt = 1;
  private long step = -1;
  private long batchStep;
  private double checkpointTime;
  private boolean ended;
  private @Nullable Instant endedAt;
  private @Nullable CheckpointEvent inForce;
  private @Nullable String refused;
  private @Nullable String graphDigest;

  /** Whether the model holds the weights that its graph came with. */
  private boolean ownWeights;

  private @Nullable Model model;
  private @Nullable FisherMonitor monitor;
  private @Nullable Path finalDiagonal;

  RunWatch(String run, Workshop workshop, Clock clock) {
    this.run = run;
    this.workshop = workshop;
    this.clock = clock;
  }

  /** Remembers an event and tells whether it had been here before. */
  boolean isRepetition(String source, String id) {
    return recent.seen(source, id);
  }

  /** Puts a checkpoint in force. */
  void checkpoint(CheckpointEvent event) throws RejectedEventException {
    lock.lock();
    try {
      if (ended || event.step() < step) {
        beginAttempt();
      }
      step = event.step();
      try {
        install(event);
        refused = null;
        inForce = event;
        checkpointTime = seconds(event.origin().time().orElse(clock.instant()));
      } catch (RejectedEventException e) {
        refused = e.code() + ": " + e.getMessage();
        throw e;
      }
    } finally {
      lock.unlock();
    }
  }

  private void install(CheckpointEvent event) throws RejectedEventException {
    GraphCache.Graph copy = workshop.graphs().get(event.graph());
    try {
      Model next = isReusable(event, copy) ? model : null;
      boolean loaded = next == null;
      if (next == null) {
        LogitsSelector logits = event.logits();
        next =
            workshop.loader().load(copy.file(), new OutputSelector(logits.index(), logits.key()));
      }
      replaceWeights(event, next, loaded);
      if (loaded) {
        closeModel();
        model = next;
        graphDigest = copy.sha256();
      }
      ownWeights = event.weights().isEmpty();
      FisherMonitor watching = monitor;
      if (watching == null || !isSameQuestion(event)) {
        startMonitor(event, next);
      } else {
        watching.checkpoint(workshop.decay());
      }
    } catch (ModelException e) {
      throw new RejectedEventException(e.code(), e.getMessage(), e);
    }
  }

  private void replaceWeights(CheckpointEvent event, Model next, boolean loaded)
      throws RejectedEventException, ModelException {
    if (event.weights().isEmpty()) {
      return;
    }
    FileReference weights = event.weights().get();
    boolean replaced = false;
    try (FileChannel file = workshop.openWeights(weights)) {
      next.replaceWeights(file, weights.uri(), weights.sha256());
      replaced = true;
    } catch (IOException e) {
      throw new UncheckedIOException(weights.uri() + " cannot be closed", e);
    } finally {
      if (loaded && !replaced) {
        next.close();
      }
    }
  }

  /** A loaded graph serves again, unless its own weights are wanted and have been replaced. */
  private boolean isReusable(CheckpointEvent event, GraphCache.Graph copy) {
    return model != null && isSameGraph(event, copy) && (event.weights().isPresent() || ownWeights);
  }

  private boolean isSameGraph(CheckpointEvent event, GraphCache.Graph copy) {
    CheckpointEvent before = inForce;
    return before != null
        && copy.sha256().equals(graphDigest)
        && before.logits().equals(event.logits());
  }

  private boolean isSameQuestion(CheckpointEvent event) {
    CheckpointEvent before = inForce;
    return before != null
        && before.likelihood().equals(event.likelihood())
        && before.layers().equals(event.layers());
  }

  private void startMonitor(CheckpointEvent event, Model current) throws RejectedEventException {
    closeMonitor();
    monitor =
        new FisherMonitor(
            current,
            likelihood(event.likelihood()),
            LayerRules.map(current.parameters(), event.layers()),
            workshop.settings(),
            workshop.upkeep(),
            System::nanoTime);
  }

  private static Likelihood likelihood(LikelihoodSpec spec) {
    return switch (spec.kind()) {
      case "bernoulli" -> Likelihood.bernoulli();
      case "gaussian" -> Likelihood.gaussian(spec.sigma().orElse(1));
      default -> Likelihood.categorical();
    };
  }

  /** Estimates on a batch at the checkpoint in force and gives the run's new figures. */
  RunSnapshot batch(BatchEvent event, long partition, long offset) throws RejectedEventException {
    lock.lock();
    try {
      if (ended) {
        beginAttempt();
      }
      CheckpointEvent checkpoint = inForce;
      Model current = model;
      FisherMonitor watching = monitor;
      String digest = graphDigest;
      if (refused != null) {
        throw new RejectedEventException(
            "checkpoint-unavailable", "the run's latest checkpoint was refused (" + refused + ")");
      }
      if (checkpoint == null || current == null || watching == null || digest == null) {
        throw new RejectedEventException(
            "no-checkpoint", "no checkpoint of run '" + run + "' precedes this batch");
      }
      Batch batch = BatchTensors.of(event, workshop).select(checkpoint, current);
      workshop.graphs().rehearse(digest, checkpoint.logits(), batch.inputs());
      watching.observe(batch, event.step(), run.hashCode(), partition, offset);
      batchStep = event.step();
      return snapshot(watching);
    } catch (ModelException e) {
      throw new RejectedEventException(e.code(), e.getMessage(), e);
    } finally {
      lock.unlock();
    }
  }

  /** Ends the run: its model goes, its figures and its diagonal stay for a while. */
  Optional<RunSnapshot> end(RunEndedEvent event) {
    lock.lock();
    try {
      if (ended) {
        beginAttempt();
      }
      ended = true;
      endedAt = clock.instant();
      step = Math.max(step, event.step());
      FisherMonitor watching = monitor;
      Optional<RunSnapshot> last =
          watching == null || watching.isEmpty()
              ? Optional.empty()
              : Optional.of(snapshot(watching));
      if (watching != null) {
        finalDiagonal = workshop.spool(watching::writeDiagonal).orElse(null);
      }
      closeModel();
      inForce = null;
      return last;
    } finally {
      lock.unlock();
    }
  }

  /** When the run ended, if it has. */
  Optional<Instant> endedAt() {
    lock.lock();
    try {
      return ended ? Optional.ofNullable(endedAt) : Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Writes the running diagonal. It goes to a file first, so that a slow reader does not hold up
   * the run.
   */
  boolean writeDiagonal(OutputStream out) throws IOException {
    Path file = diagonalFile();
    if (file == null) {
      return false;
    }
    try (InputStream in = Files.newInputStream(file)) {
      in.transferTo(out);
      return true;
    } finally {
      if (!file.equals(finalDiagonal)) {
        Files.deleteIfExists(file);
      }
    }
  }

  private @Nullable Path diagonalFile() {
    lock.lock();
    try {
      FisherMonitor watching = monitor;
      return watching == null
          ? finalDiagonal
          : workshop.spool(watching::writeDiagonal).orElse(null);
    } finally {
      lock.unlock();
    }
  }

  private RunSnapshot snapshot(FisherMonitor watching) {
    return new RunSnapshot(
        run,
        attempt,
        step,
        batchStep,
        checkpointTime,
        seconds(clock.instant()),
        watching.effectiveBatches(),
        watching.lagSteps(Math.max(step, batchStep)),
        ended,
        watching.figures());
  }

  private void beginAttempt() {
    attempt++;
    ended = false;
    endedAt = null;
    step = -1;
    refused = null;
    inForce = null;
    closeModel();
    deleteFinalDiagonal();
  }

  private void closeModel() {
    closeMonitor();
    Model current = model;
    if (current != null) {
      current.close();
      model = null;
      graphDigest = null;
    }
  }

  private void closeMonitor() {
    FisherMonitor watching = monitor;
    if (watching != null) {
      watching.close();
      monitor = null;
    }
  }

  private void deleteFinalDiagonal() {
    Path file = finalDiagonal;
    finalDiagonal = null;
    if (file != null) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        throw new UncheckedIOException("the diagonal " + file + " cannot be removed", e);
      }
    }
  }

  private static double seconds(Instant instant) {
    return instant.toEpochMilli() / 1000.0;
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closeModel();
      deleteFinalDiagonal();
    } finally {
      lock.unlock();
    }
  }
}
