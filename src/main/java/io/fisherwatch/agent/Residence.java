package io.fisherwatch.agent;

import io.fisherwatch.event.CheckpointEvent;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LikelihoodSpec;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.likelihood.Likelihood;
import io.fisherwatch.monitor.FisherMonitor;
import io.fisherwatch.monitor.LayerMap;
import io.fisherwatch.monitor.SavedMonitor;
import io.fisherwatch.runtime.Model;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.runtime.OutputSelector;
import io.fisherwatch.safetensors.TensorSource;
import io.fisherwatch.snapshot.Figures;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where a run's model and monitor live: on the device, or, with the model gone, in a file from
 * which the monitor goes on bit for bit. For one thread at a time; the {@link RunWatch} holds its
 * lock.
 */
final class Residence implements AutoCloseable {

  private final String run;
  private final Workshop workshop;
  private final Residents.Resident self;

  private @Nullable Model model;
  private @Nullable FisherMonitor monitor;
  private @Nullable String graphDigest;

  /** The checkpoint whose weights the model has; null if it has none for certain. */
  private @Nullable CheckpointEvent held;

  /** Whether the model holds the weights that its graph came with. */
  private boolean ownWeights;

  private @Nullable FrozenMonitor frozen;

  /**
   * @param self who is asked to let the model go when another one needs the room
   */
  Residence(String run, Workshop workshop, Residents.Resident self) {
    this.run = run;
    this.workshop = workshop;
    this.self = self;
  }

  /** Is what a file says, which somebody else keeps. */
  void restore(Path file, Optional<String> digest, Optional<Figures> figures) {
    frozen = new FrozenMonitor(file, false, figures);
    graphDigest = digest.orElse(null);
  }

  /**
   * Puts a checkpoint's weights into its model.
   *
   * @param before the checkpoint that was in force, if any
   * @param decay factor on the weight of everything so far
   */
  void install(
      CheckpointEvent event,
      Optional<CheckpointEvent> before,
      Optional<Figures> figures,
      double decay)
      throws RejectedEventException {
    GraphCache.Graph copy = workshop.graphs().get(event.graph());
    boolean sameGraph = copy.sha256().equals(graphDigest);
    boolean sameModel =
        sameGraph && before.isPresent() && before.get().logits().equals(event.logits());
    boolean sameQuestion =
        sameModel
            && before.get().likelihood().equals(event.likelihood())
            && before.get().layers().equals(event.layers());
    try {
      place(event, copy, sameModel && (event.weights().isPresent() || ownWeights), figures);
      LayerMap layers = layers(event);
      if (!sameQuestion) {
        forgetMonitor();
      }
      if (resume(event, layers)) {
        monitor().checkpoint(decay);
      }
    } catch (ModelException e) {
      throw new RejectedEventException(e.code(), e.getMessage(), e);
    }
  }

  /** Brings the model of the checkpoint in force back, if it is gone. */
  void wake(CheckpointEvent inForce, Optional<Figures> figures) throws RejectedEventException {
    if (monitor != null) {
      workshop.residents().touch(self);
      return;
    }
    GraphCache.Graph copy = workshop.graphs().get(inForce.graph());
    if (graphDigest != null && !graphDigest.equals(copy.sha256())) {
      throw new RejectedEventException(
          "digest-mismatch", "the graph of the checkpoint in force is not what it was");
    }
    try {
      place(inForce, copy, false, figures);
      boolean unused = resume(inForce, layers(inForce));
    } catch (ModelException e) {
      throw new RejectedEventException(e.code(), e.getMessage(), e);
    }
  }

  /** Whether a checkpoint asks of the model what the one in force asks. */
  boolean isSameQuestion(CheckpointEvent event, CheckpointEvent inForce)
      throws RejectedEventException {
    return event.logits().equals(inForce.logits())
        && event.likelihood().equals(inForce.likelihood())
        && event.layers().equals(inForce.layers())
        && workshop.graphs().get(event.graph()).sha256().equals(graphDigest);
  }

  /**
   * Sees to it that the model has the weights of a checkpoint, which may be an earlier one than
   * that in force, but asks the same of it. The estimates stay as they are.
   */
  void hold(CheckpointEvent wanted, Optional<Figures> figures) throws RejectedEventException {
    if (monitor == null) {
      wake(wanted, figures);
      return;
    }
    if (wanted.equals(held)) {
      workshop.residents().touch(self);
      return;
    }
    GraphCache.Graph copy = workshop.graphs().get(wanted.graph());
    try {
      place(wanted, copy, wanted.weights().isPresent() || ownWeights, figures);
      boolean unused = resume(wanted, layers(wanted));
    } catch (ModelException e) {
      throw new RejectedEventException(e.code(), e.getMessage(), e);
    }
  }

  private void place(
      CheckpointEvent event, GraphCache.Graph copy, boolean reused, Optional<Figures> figures)
      throws ModelException, RejectedEventException {
    held = null;
    Model current = model;
    if (reused && current != null) {
      workshop.residents().touch(self);
      replaceWeights(event, current);
    } else {
      Model next = load(event, copy);
      try {
        freeze(figures);
      } catch (RuntimeException e) {
        next.close();
        throw e;
      }
      model = next;
      workshop.residents().touch(self);
    }
    graphDigest = copy.sha256();
    ownWeights = event.weights().isEmpty();
    held = event;
  }

  private Model load(CheckpointEvent event, GraphCache.Graph copy)
      throws ModelException, RejectedEventException {
    workshop.residents().admit(self);
    Model next = null;
    boolean ready = false;
    try {
      OutputSelector output = new OutputSelector(event.logits().index(), event.logits().key());
      next = workshop.loader().load(copy.file(), output);
      replaceWeights(event, next);
      ready = true;
      return next;
    } finally {
      if (!ready && next != null) {
        next.close();
      }
      if (!ready && model == null) {
        workshop.residents().gone(self);
      }
    }
  }

  private void replaceWeights(CheckpointEvent event, Model into)
      throws RejectedEventException, ModelException {
    if (event.weights().isEmpty()) {
      return;
    }
    FileReference weights = event.weights().get();
    try (FileChannel file = workshop.openWeights(weights)) {
      into.replaceWeights(file, weights.uri(), weights.sha256());
    } catch (IOException e) {
      throw new UncheckedIOException(weights.uri() + " cannot be closed", e);
    }
  }

  private LayerMap layers(CheckpointEvent event) throws RejectedEventException {
    return LayerRules.map(model().parameters(), event.layers());
  }

  /** Makes the monitor, unless it is there; whether it has a past. */
  private boolean resume(CheckpointEvent event, LayerMap layers) {
    if (monitor != null) {
      return true;
    }
    FisherMonitor next = newMonitor(event, model(), layers);
    FrozenMonitor past = frozen;
    boolean resumed;
    try {
      resumed = past != null && past.resume(run, next);
    } catch (UncheckedIOException e) {
      next.close();
      throw e;
    }
    monitor = next;
    dropFrozen();
    return resumed;
  }

  private FisherMonitor newMonitor(CheckpointEvent event, Model current, LayerMap layers) {
    return new FisherMonitor(
        current,
        likelihood(event.likelihood()),
        layers,
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

  /** Lets the model go; the monitor stays in a file. */
  void freeze(Optional<Figures> figures) {
    FisherMonitor watching = monitor;
    if (watching != null && !watching.isFresh()) {
      FrozenMonitor past = FrozenMonitor.of(watching, workshop, figures);
      forgetMonitor();
      frozen = past;
    }
    closeModel();
  }

  private void closeModel() {
    closeMonitor();
    Model current = model;
    if (current != null) {
      current.close();
      model = null;
      workshop.residents().gone(self);
    }
  }

  private void closeMonitor() {
    FisherMonitor watching = monitor;
    if (watching != null) {
      watching.close();
      monitor = null;
    }
  }

  private void forgetMonitor() {
    closeMonitor();
    dropFrozen();
  }

  private void dropFrozen() {
    FrozenMonitor past = frozen;
    frozen = null;
    if (past != null) {
      past.drop();
    }
  }

  /** Forgets everything. */
  void reset() {
    forgetMonitor();
    closeModel();
    graphDigest = null;
  }

  Model model() {
    Model current = model;
    if (current == null) {
      throw new IllegalStateException("the model of run " + run + " is not here");
    }
    return current;
  }

  FisherMonitor monitor() {
    FisherMonitor current = monitor;
    if (current == null) {
      throw new IllegalStateException("run " + run + " has no monitor");
    }
    return current;
  }

  Optional<String> graphDigest() {
    return Optional.ofNullable(graphDigest);
  }

  /** Everything accumulated, as it is now, to be written later and closed. */
  Saved save() throws IOException {
    FisherMonitor watching = monitor;
    if (watching != null) {
      watching.adoptPlan();
      SavedMonitor saved = watching.save(true);
      return new Saved(saved.tensors(), Optional.empty(), saved::close);
    }
    FrozenMonitor past = frozen;
    return past == null ? new Saved(List.of(), Optional.empty(), () -> {}) : past.save();
  }

  /**
   * What {@link #save} gives.
   *
   * @param origin the frozen monitor that it is, if it is one
   */
  record Saved(List<TensorSource> tensors, Optional<Object> origin, Closing closing)
      implements AutoCloseable {

    interface Closing {
      void close() throws IOException;
    }

    /** The same, and further tensors before it. */
    Saved with(List<TensorSource> further) {
      List<TensorSource> all = new ArrayList<>(further);
      all.addAll(tensors);
      return new Saved(all, origin, closing);
    }

    @Override
    public void close() throws IOException {
      closing.close();
    }
  }

  /**
   * The file that it was frozen in may go: the same is in another.
   *
   * @param origin what was saved; if it is something else by now, nothing happens
   */
  void moved(Object origin, Path file) {
    FrozenMonitor past = frozen;
    if (past != null && origin.equals(past)) {
      dropFrozen();
      frozen = past.in(file);
    }
  }

  /** Writes the running diagonal; false, with nothing written, if there is none. */
  boolean writeDiagonal(OutputStream out) throws IOException {
    FisherMonitor watching = monitor;
    if (watching != null) {
      return watching.writeDiagonal(out);
    }
    FrozenMonitor past = frozen;
    return past != null && past.writeDiagonal(out);
  }

  @Override
  public void close() {
    reset();
  }
}
