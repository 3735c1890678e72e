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
 * once its figures agree with the plain path's, on the first batch.
 */
final class Taps {

  /** The graph's method that returns the logits and, tap by tap, δ's place and a. */
  static final String METHOD = "tapped";

  private static final Logger LOG = LoggerFactory.getLogger(Taps.class);
  private static final String DESCRIPTION = "fisherwatch.json";
  private static final int MOST_BYTES = 16 << 20;

  private final @Nullable TapTable table;
  private final @Nullable NDArray rules;
  private final @Nullable NDArray members;
  private @Nullable String reason;
  private boolean proven;

  private Taps(@Nullable TapTable table, PtNDManager manager, @Nullable String reason) {
    this.table = table;
    this.reason = reason;
    if (table == null) {
      this.rules = null;
      this.members = null;
    } else {
      long[] rows = table.rules();
      long[] places = table.members();
      this.rules =
          manager.create(rows, new Shape(rows.length / TapTable.COLUMNS, TapTable.COLUMNS));
      this.members = manager.create(places, new Shape(places.length));
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

  /** Why there is no fast path; empty if there is, or may be. */
  Optional<String> plainReason() {
    return Optional.ofNullable(reason);
  }

  void keepPlain(String why) {
    reason = why;
  }

  /** Whether the fast path can be used, found out with some of the batch's examples if need be. */
  boolean hold(TorchBatch batch) throws ModelException {
    if (reason == null && !proven) {
      Optional<String> fault = TapProof.fault(batch);
      if (fault.isPresent()) {
        reason = fault.get();
        LOG.warn("examples are squared by a pass each: {}", reason);
      }
      proven = true;
    }
    return reason == null;
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
