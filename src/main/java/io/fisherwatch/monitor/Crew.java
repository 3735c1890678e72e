package io.fisherwatch.monitor;

import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.Parameter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Threads that work on the micro-batches of one batch. A micro-batch of a small model is too little
 * work to share between cores, so that cores work on micro-batches of their own, each with sums of
 * its own. A large model has one lane, whose operations use all cores.
 */
final class Crew implements AutoCloseable {

  /** Scalars of a model times lanes, at most: what lanes hold of their own stays small. */
  private static final long HELD = 8_000_000;

  private final Model model;
  private final int cores;
  private final int size;
  private @Nullable ExecutorService threads;

  /** A thread's part of the work. */
  @FunctionalInterface
  interface Lane {
    void run(int lane) throws ModelException;
  }

  Crew(Model model) {
    long parameters = model.parameters().stream().mapToLong(Parameter::elements).sum();
    this.model = model;
    this.cores = Math.max(1, model.usefulThreads());
    this.size = (int) Math.max(1, Math.min(cores, HELD / Math.max(1, parameters)));
  }

  /** How many lanes there are at most. */
  int size() {
    return size;
  }

  /**
   * Runs lanes, and returns when all have ended.
   *
   * @throws ModelException that of the first lane that threw
   */
  void work(int lanes, Lane lane) throws ModelException {
    if (lanes <= 1) {
      lane.run(0);
      return;
    }
    List<Future<?>> running = new ArrayList<>();
    for (int i = 0; i < lanes; i++) {
      int number = i;
      running.add(
          threads()
              .submit(
                  () -> {
                    model.useCores(Math.max(1, cores / lanes));
                    lane.run(number);
                    return null;
                  }));
    }
    try {
      await(running);
    } finally {
      model.useCores(cores);
    }
  }

  /** All lanes are waited for before anything is thrown: they use what the caller will close. */
  private static void await(List<Future<?>> running) throws ModelException {
    boolean interrupted = false;
    Throwable failure = null;
    for (Future<?> lane : running) {
      while (true) {
        try {
          lane.get();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          failure = failure == null ? e.getCause() : failure;
          break;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (failure instanceof ModelException) {
      throw (ModelException) failure;
    } else if (failure instanceof Error) {
      throw (Error) failure;
    } else if (failure != null) {
      throw new IllegalStateException("a lane failed: " + failure.getMessage(), failure);
    }
  }

  private ExecutorService threads() {
    ExecutorService current = threads;
    if (current == null) {
      current =
          Executors.newFixedThreadPool(
              size,
              task -> {
                Thread thread = new Thread(task, "estimate");
                thread.setDaemon(true);
                return thread;
              });
      threads = current;
    }
    return current;
  }

  @Override
  public void close() {
    ExecutorService current = threads;
    if (current != null) {
      current.shutdown();
    }
  }
}
