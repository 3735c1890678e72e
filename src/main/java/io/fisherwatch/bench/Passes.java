package io.fisherwatch.bench;

import io.fisherwatch.runtime.BoundBatch;
import io.fisherwatch.runtime.ExamplePass;
import io.fisherwatch.runtime.ForwardPass;
import io.fisherwatch.runtime.Model;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The forward and backward passes that an estimate makes, as seen from the model: what a bare loop
 * has to make as well. Proxies, so that whatever ways a model may come to offer are passed on.
 */
final class Passes {

  private final List<Pass> passes = Collections.synchronizedList(new ArrayList<>());

  /**
   * A forward pass with the backward passes through it.
   *
   * @param from first example
   * @param to end of the examples
   * @param backwards how many
   */
  record Step(int from, int to, int backwards) {}

  /** A pass while it is used. */
  private static final class Pass {
    final int from;
    final int to;
    volatile long threadId = Thread.currentThread().getId();
    final AtomicInteger backwards = new AtomicInteger();

    Pass(int from, int to) {
      this.from = from;
      this.to = to;
    }
  }

  /** Something that is done with a model. */
  @FunctionalInterface
  interface Use {
    void with(Model model) throws Exception;
  }

  private Passes() {}

  /**
   * What a use of a model makes, by the threads that made it: the calling thread's first.
   *
   * @return one list of steps for each thread
   */
  static List<List<Step>> of(Model model, Use use) throws Exception {
    Passes counted = new Passes();
    use.with(counted.watched(Model.class, model));
    Map<Long, List<Step>> byThread = new LinkedHashMap<>();
    byThread.put(Thread.currentThread().getId(), new ArrayList<>());
    for (Pass pass : counted.passes) {
      byThread
          .computeIfAbsent(pass.threadId, any -> new ArrayList<>())
          .add(new Step(pass.from, pass.to, pass.backwards.get()));
    }
    return List.copyOf(byThread.values());
  }

  /** The number of backward passes, in whole batches of so many examples. */
  static double backwards(List<List<Step>> steps, int examples) {
    return steps.stream()
        .flatMap(List::stream)
        .mapToDouble(step -> (double) step.backwards() * (step.to() - step.from()) / examples)
        .sum();
  }

  private <T> T watched(Class<T> type, T target) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, given) -> {
              Object[] arguments = given == null ? new Object[0] : given;
              Object result;
              try {
                result = method.invoke(target, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
              if (result instanceof BoundBatch batch) {
                return watched(BoundBatch.class, batch);
              }
              if (result instanceof ForwardPass pass) {
                int from = (int) arguments[0];
                int examples = pass.logits().rows() / pass.logits().positions();
                Pass counted = new Pass(from, from + examples);
                passes.add(counted);
                return watched(pass, counted);
              }
              return result;
            }));
  }

  private static ForwardPass watched(ForwardPass target, Pass counted) {
    return (ForwardPass)
        Proxy.newProxyInstance(
            ForwardPass.class.getClassLoader(),
            new Class<?>[] {target instanceof ExamplePass ? ExamplePass.class : ForwardPass.class},
            (proxy, method, arguments) -> {
              if (method.getName().startsWith("pullBack")) {
                int made = arguments[0] instanceof List<?> several ? several.size() : 1;
                int unused = counted.backwards.addAndGet(made);
                counted.threadId = Thread.currentThread().getId();
              }
              try {
                return method.invoke(target, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
