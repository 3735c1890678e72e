package io.fisherwatch.bench;

import io.fisherwatch.djl.BareLoop;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The floor of an estimate: the same forward and backward passes, on as many threads, with nothing
 * done to what comes of them.
 */
final class Replay implements AutoCloseable {

  private final Model model;
  private final BareLoop loop;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  /** For one batch of a model, which stays the caller's. */
  Replay(Bench.Site site, Model model, Workloads.Workload workload)
      throws IOException, ModelException {
    Path pull = site.folder().resolve("pull.pt");
    if (!Files.exists(pull)) {
      Graphs.writePull(pull);
    }
    this.model = model;
    this.loop = BareLoop.of(model, pull, workload.batch().inputs());
  }

  /** Makes the passes: the first list's on this thread, then the others' side by side. */
  void play(List<List<Passes.Step>> lists) throws Exception {
    play(lists.get(0).iterator());
    List<Future<?>> running = new ArrayList<>();
    int lanes = lists.size() - 1;
    int cores = Runtime.getRuntime().availableProcessors();
    for (List<Passes.Step> steps : lists.subList(1, lists.size())) {
      running.add(
          threads.submit(
              () -> {
                model.useCores(Math.max(1, cores / lanes));
                play(steps.iterator());
                return null;
              }));
    }
    for (Future<?> lane : running) {
      lane.get();
    }
  }

  private void play(java.util.Iterator<Passes.Step> steps) {
    while (steps.hasNext()) {
      Passes.Step step = steps.next();
      loop.pass(step.from(), step.to(), step.backwards());
    }
  }

  @Override
  public void close() {
    threads.shutdown();
    loop.close();
  }
}
