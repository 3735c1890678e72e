package io.fisherwatch.demo;

import io.fisherwatch.djl.TorchTrainer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What the demo's training job goes through from step {@link #ONSET} on. Trouble is made in the
 * training itself, in its data or its weights: what the agent sees is what it would see of any job.
 */
public enum Scenario {
  /** Nothing. */
  HEALTHY("healthy"),

  /** Late in a schedule, the rate almost 0, a data set comes whose labels are random. */
  LABEL_NOISE("label-noise") {
    @Override
    double mislabelled(long since) {
      return since < 0 ? 0 : 1;
    }

    @Override
    double rate(double rate) {
      return LATE * rate;
    }
  },

  /**
   * Scale drifts from the head into the layer before it: the outputs stay as they are, and react
   * ever more strongly to the head's weights.
   */
  EXPLOSION("explosion") {
    @Override
    double rate(double rate) {
      return LATE * rate;
    }

    @Override
    void afterStep(TorchTrainer trainer, long since) {
      if (since < 65) { // 1.05^65 = 24
        trainer.scale("hidden.weight", 1.05);
        trainer.scale("hidden.bias", 1.05);
        trainer.scale("head.weight", 1 / 1.05);
      }
    }
  },

  /**
   * Shuffling breaks: all batches hold pictures of two digits, and all that is left to learn is the
   * one direction between them, at a fifth of the rate. One label in five is random throughout: the
   * few examples that leave a sure model unsure span few directions to begin with.
   */
  COLLAPSE("collapse") {
    @Override
    double mislabelled(long since) {
      return 0.2;
    }

    @Override
    boolean holds(int digit) {
      return digit == 1 || digit == 8;
    }

    @Override
    double rate(double rate) {
      return rate / 5;
    }
  },

  /** Weight decay that is far too strong takes a layer to 0 at every step. */
  DEAD_LAYER("dead-layer") {
    @Override
    void afterStep(TorchTrainer trainer, long since) {
      trainer.scale("hidden.weight", 0);
      trainer.scale("hidden.bias", 0);
    }
  },

  /** Weight decay with the wrong sign: the head, and with it the logits, grow by half each step. */
  SATURATION("saturation") {
    @Override
    void afterStep(TorchTrainer trainer, long since) {
      if (since < 10) { // 1.5^10 = 58
        trainer.scale("head.weight", 1.5);
        trainer.scale("head.bias", 1.5);
      }
    }
  },

  /**
   * In a transformer, nothing holds the scale of the residual stream: the embedding and all that is
   * added to it grow. Layer norms hide it from the outputs, and gradients of the embedding vanish
   * while the head's stay as they are.
   */
  IMBALANCE("imbalance") {
    @Override
    String graph() {
      return "tokens.pt";
    }

    @Override
    void afterStep(TorchTrainer trainer, long since) {
      if (since < 40) { // 1.1^40 = 45
        for (String writer : List.of("embedding", "out", "down")) {
          trainer.scale(writer + ".weight", 1.1);
        }
        trainer.scale("out.bias", 1.1);
        trainer.scale("down.bias", 1.1);
      }
    }
  };

  /** The first step with trouble. */
  public static final long ONSET = 150;

  private static final double LATE = 1e-3;

  private final String label;

  Scenario(String label) {
    this.label = label;
  }

  /** The scenario of that name. */
  public static Optional<Scenario> of(String label) {
    return Arrays.stream(values()).filter(scenario -> scenario.label.equals(label)).findFirst();
  }

  /** The names of all. */
  public static List<String> labels() {
    return Arrays.stream(values()).map(Scenario::label).toList();
  }

  /** Its name on the command line. */
  public String label() {
    return label;
  }

  /** The resource with the network that is trained. */
  String graph() {
    return "digits.pt";
  }

  /**
   * The share of examples with a random label.
   *
   * @param since steps since the onset, below 0 before it
   */
  double mislabelled(long since) {
    return 0;
  }

  /** Whether batches hold pictures of a digit, from the onset on. */
  boolean holds(int digit) {
    return true;
  }

  /** The step size that training uses for the usual one, from the onset on. */
  double rate(double rate) {
    return rate;
  }

  /**
   * What happens to the weights after a step, from the onset on.
   *
   * @param since steps since the onset
   */
  void afterStep(TorchTrainer trainer, long since) {}
}
