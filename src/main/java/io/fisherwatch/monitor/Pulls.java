package io.fisherwatch.monitor;

import io.fisherwatch.runtime.Cotangents;
import io.fisherwatch.runtime.DiagonalArray;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.Gradient;
import io.fisherwatch.runtime.ModelException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Pulls of one pass that wait until as many are there as are worth to be made in one call; what is
 * to be done with their gradients is done in the order in which it was asked for.
 */
final class Pulls {

  private final ExamplePass pass;
  private final Drawing drawing;
  private final int most;
  private final List<ExamplePass.Pull> waiting = new ArrayList<>();
  private final List<Consumer<List<List<Gradient>>>> actions = new ArrayList<>();

  Pulls(ExamplePass pass, Drawing drawing) {
    this.pass = pass;
    this.drawing = drawing;
    this.most = pass.pullsTogether();
  }

  /** Cotangents for the next pull, all zero. */
  Cotangents cotangents() {
    return drawing.cleared(pass.logits(), waiting.size(), 1).get(0);
  }

  /**
   * Adds a pull.
   *
   * @param cotangents the last ones given
   * @param then takes the gradient of each example
   */
  void add(Cotangents cotangents, @Nullable DiagonalArray squares, Consumer<List<Gradient>> then)
      throws ModelException {
    int place = waiting.size();
    waiting.add(new ExamplePass.Pull(cotangents, squares));
    actions.add(gradients -> then.accept(gradients.get(place)));
    if (waiting.size() == most) {
      make();
    }
  }

  /** Adds what is to be done once the gradients of all pulls before it have been taken. */
  void then(Runnable action) {
    actions.add(gradients -> action.run());
  }

  /** Makes what waits. */
  void make() throws ModelException {
    List<List<Gradient>> gradients = waiting.isEmpty() ? List.of() : pass.pullBackEach(waiting);
    actions.forEach(action -> action.accept(gradients));
    waiting.clear();
    actions.clear();
  }
}
