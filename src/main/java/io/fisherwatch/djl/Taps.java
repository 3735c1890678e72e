package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.ModelException;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model's fast path: whether there is one, and why not. What the graph says of itself is believed
 * once its figures agree with the plain path's, on the first batch that can tell.
 */
final class Taps {

  /** The graph's method that returns the logits and, tap by tap, δ's place and a. */
  static final String METHOD = "tapped";

  private static final Logger LOG = LoggerFactory.getLogger(Taps.class);
  private static final String DESCRIPTION = "fisherwatch.json";
  private static final int MOST_BYTES = 4 << 20;
  private static final int LONGEST_REASON = 300;

  private final @Nullable TapTable table;
  private final @Nullable NDArray rules;
  private final @Nullable NDArray members;
  private @Nullable String reason;
  private @Nullable String deferral;
  private boolean proven;
  private final Fitting examples = new Fitting();
  private final Fitting copies = new Fitting();
  private final Fitting pulls = new Fitting();

  private Taps(@Nullable TapTable table, PtNDManager manager, @Nullable String reason) {
    this.table = table;
    this.reason = reason == null ? null : oneLine(reason);
    if (table == null) {
      this.rules = null;
      this.members = null;
    } else {
      PtNDManager host = Kernels.host(manager);
      long[] rows = table.rules();
      long[] places = table.members();
      this.rules = host.create(rows, new Shape(rows.length / TapTable.COLUMNS, TapTable.COLUMNS));
      this.members = host.create(places, new Shape(places.length));
    }
  }

  /** Reads what a graph says of its taps. */
  static Taps of(GraphArchive archive, ParameterTable parameters, PtNDManager manager) {
    try {
      Optional<byte[]> description = archive.extra(DESCRIPTION, MOST_BYTES);
      if (description.isEmpty()) {
        return new Taps(
            null, manager, "the graph has no taps; the Python client writes graphs that have them");
      }
      TapTable table = TapTable.read(description.get(), parameters);
      if (!archive.hasMethod(METHOD)) {
        return new Taps(null, manager, "the graph describes taps but has no method " + METHOD);
      }
      return new Taps(table, manager, null);
    } catch (TapTable.MismatchException e) {
      return new Taps(null, manager, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      return new Taps(null, manager, "its description of taps cannot be read: " + e.getMessage());
    }
  }

  /** Why there is no fast path, or none for the last batch; empty if there is, or may be. */
  Optional<String> plainReason() {
    return Optional.ofNullable(reason == null ? deferral : reason);
  }

  void keepPlain(String why) {
    reason = oneLine(why);
  }

  /** Whether the fast path can be used, found out with some of the batch's examples if need be. */
  boolean hold(TorchBatch batch) throws ModelException {
    deferral = null;
    if (reason == null && !proven) {
      TapProof proof = TapProof.of(batch);
      switch (proof.outcome()) {
        case FALSE -> {
          keepPlain(proof.reason());
          LOG.warn("examples are squared by a pass each: {}", reason);
        }
        case UNTRIED -> deferral = oneLine(proof.reason());
        case TRUE -> proven = batch.examples() > 1; // one alone proves for its own batch only
      }
    }
    return reason == null && deferral == null;
  }

  /** Names in it come from the graph, which may be anybody's, and go into logs and pages. */
  private static String oneLine(String text) {
    int end = Math.min(text.length(), LONGEST_REASON);
    String line = text.substring(0, end).replaceAll("[\\p{C}\\p{Z}]+", " ").strip();
    return end == text.length() ? line : line + " ...";
  }

  /** Whether the graph's description is known to be true, by more than one example. */
  boolean areProven() {
    return proven && reason == null && deferral == null;
  }

  /** Whether it is, and there is no rule but of products and sums. */
  boolean multiplies() {
    return areProven() && table().multiplies();
  }

  /** Examples of a pass, by the kinds of one. */
  Fitting examples() {
    return examples;
  }

  /** Copies of a pass that are worth it, by the kinds of its inputs. */
  Fitting copies() {
    return copies;
  }

  /** Pulls through a pass in one call, by the kinds of its inputs. */
  Fitting pulls() {
    return pulls;
  }

  TapTable table() {
    return require(table);
  }

  NDArray rules() {
    return require(rules);
  }

  NDArray members() {
    return require(members);
  }

  private static <T> T require(@Nullable T value) {
    if (value == null) {
      throw new IllegalStateException("the model has no fast path");
    }
    return value;
  }
}
