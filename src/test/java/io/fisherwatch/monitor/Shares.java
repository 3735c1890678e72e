package io.fisherwatch.monitor;

import io.fisherwatch.estimate.DecayedMoments;
import io.fisherwatch.estimate.NestedMoments;
import io.fisherwatch.likelihood.Distribution;
import io.fisherwatch.runtime.Parameter;
import io.fisherwatch.runtime.Shape;
import io.fisherwatch.safetensors.HostTensor;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What monitors have accumulated that saw batches of known traces: of a model of two layers, {@code
 * body} with three quarters of the trace, {@code head} with the rest. Every batch has eight
 * examples.
 */
public final class Shares {

  static final int EXAMPLES = 8;

  private static final double[] PORTIONS = {1, 0.75, 0.25};

  private Shares() {}

  /**
   * A share.
   *
   * @param traces of F, of one batch each
   */
  public static MonitorShare of(double... traces) {
    return of(List.of("body", "head"), traces);
  }

  /** A share of a model with other names. */
  public static MonitorShare of(List<String> layers, double... traces) {
    List<Parameter> parameters =
        List.of(
            new Parameter(layers.get(0) + ".weight", Shape.of(7, 5), true),
            new Parameter(layers.get(1) + ".bias", Shape.of(14), true));
    ModelOutline model = new ModelOutline(parameters, Map.of(), LayerMap.of(parameters, List.of()));
    try {
      Map<String, Map<String, HostTensor>> byLayer = new LinkedHashMap<>();
      for (int slot = 0; slot < PORTIONS.length; slot++) {
        byLayer.put(model.slotNames().get(slot), layer(PORTIONS[slot], traces));
      }
      return MonitorShare.of(header(model, traces.length), byLayer);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static Map<String, HostTensor> header(ModelOutline model, int batches) {
    StateSheet sheet = new StateSheet("");
    model.save(sheet);
    sheet.text("estimator", EstimatorKind.DEFLATED.label());
    sheet.text("distribution", Distribution.RADEMACHER.label());
    sheet.longs("covered", 1, 1);
    sheet.longs("non-finite", 0, 0, 0);
    long examples = (long) batches * EXAMPLES;
    sheet.longs("counts", examples, examples, batches, 10);
    sheet.longs("plan", 1, 1, 1, 0);
    sheet.text("plan-reason", "as given");
    sheet.longs("plan-tapped", 0);
    sheet.text("path-reason", "no taps");
    DecayedMoments steps = new DecayedMoments();
    for (int batch = 0; batch < batches; batch++) {
      steps.add(batch, EXAMPLES);
    }
    sheet.accumulators("core", Figured.moments(4));
    sheet.accumulators("steps", steps);
    sheet.longs("latest-probes", 1, 1);
    return sheet.byName();
  }

  private static Map<String, HostTensor> layer(double portion, double... traces) {
    NestedMoments moments = new NestedMoments();
    for (double trace : traces) {
      moments.add(portion * trace, 0, EXAMPLES);
    }
    StateSheet sheet = new StateSheet("");
    sheet.accumulators("trace/" + Quantity.FISHER, moments);
    sheet.accumulators("spectra", Figured.spectra(1));
    return sheet.byName();
  }
}
