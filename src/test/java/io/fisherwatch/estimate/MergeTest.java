package io.fisherwatch.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.DoubleBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Merging is adding all: in any split, in any order, with ageing in between, and late. */
class MergeTest {

  private static final int SPLITS = 60;

  /** What every accumulator can do. */
  private interface Box {
    /** Adds the values of a seed, as if before an ageing. */
    void add(long seed, double age);

    void age(double factor);

    void merge(Box other);

    /** Everything it says. */
    double[] figures();

    Accumulator accumulator();
  }

  private enum Kind {
    DECAYED,
    NESTED,
    VARIATION,
    SPECTRUM
  }

  private record DecayedBox(DecayedMoments accumulator) implements Box {
    DecayedBox() {
      this(new DecayedMoments());
    }

    @Override
    public void add(long seed, double age) {
      Random random = new Random(seed);
      accumulator.add(1e3 + random.nextGaussian(), age * (1 + random.nextInt(64)));
    }

    @Override
    public void age(double factor) {
      accumulator.age(factor);
    }

    @Override
    public void merge(Box other) {
      accumulator.merge(((DecayedBox) other).accumulator);
    }

    @Override
    public double[] figures() {
      return new double[] {
        accumulator.weight(),
        accumulator.mean(),
        accumulator.variance(),
        accumulator.standardError(),
        accumulator.effectiveCount()
      };
    }
  }

  private record NestedBox(NestedMoments accumulator) implements Box {
    NestedBox() {
      this(new NestedMoments());
    }

    @Override
    public void add(long seed, double age) {
      Random random = new Random(seed);
      double variance = random.nextInt(4) == 0 ? Double.NaN : random.nextDouble();
      accumulator.add(5 + random.nextGaussian(), variance, age * (1 + random.nextInt(64)));
    }

    @Override
    public void age(double factor) {
      accumulator.age(factor);
    }

    @Override
    public void merge(Box other) {
      accumulator.merge(((NestedBox) other).accumulator);
    }

    @Override
    public double[] figures() {
      return new double[] {
        accumulator.means().mean(),
        accumulator.withinVariance(),
        accumulator.probeShare(),
        accumulator.logHalfWidth(0.95)
      };
    }
  }

  private record VariationBox(ProbeVariation accumulator) implements Box {
    VariationBox() {
      this(new ProbeVariation());
    }

    @Override
    public void add(long seed, double age) {
      Random random = new Random(seed);
      double[] probes = new double[2 + random.nextInt(3)];
      for (int i = 0; i < probes.length; i++) {
        probes[i] = 3 + random.nextGaussian();
      }
      if (age == 1) {
        accumulator.addBatch(probes);
      } else {
        accumulator.addAged(age, probes);
      }
    }

    @Override
    public void age(double factor) {
      accumulator.age(factor);
    }

    @Override
    public void merge(Box other) {
      accumulator.merge(((VariationBox) other).accumulator);
    }

    @Override
    public double[] figures() {
      return new double[] {accumulator.cv(), accumulator.standardError()};
    }
  }

  private record SpectrumBox(SpectrumMoments accumulator) implements Box {
    SpectrumBox() {
      this(new SpectrumMoments());
    }

    @Override
    public void add(long seed, double age) {
      Random random = new Random(seed);
      double[][] gradients = new double[8 + random.nextInt(3)][6];
      for (double[] gradient : gradients) {
        for (int i = 0; i < gradient.length; i++) {
          gradient[i] = random.nextGaussian() * (1 + i);
        }
      }
      double[][] gram = new double[gradients.length][gradients.length];
      for (int a = 0; a < gram.length; a++) {
        for (int b = 0; b < gram.length; b++) {
          for (int i = 0; i < gradients[a].length; i++) {
            gram[a][b] += gradients[a][i] * gradients[b][i];
          }
        }
      }
      if (age == 1) {
        accumulator.add(GramStatistics.of(gram));
      } else {
        accumulator.addAged(age, GramStatistics.of(gram));
      }
    }

    @Override
    public void age(double factor) {
      accumulator.age(factor);
    }

    @Override
    public void merge(Box other) {
      accumulator.merge(((SpectrumBox) other).accumulator);
    }

    @Override
    public double[] figures() {
      return new double[] {
        accumulator.effectiveRank(),
        accumulator.effectiveRankError(),
        accumulator.topEigenvalue(),
        accumulator.topEigenvalueError(),
        accumulator.traceOfSquare(),
        accumulator.traceOfSquareError()
      };
    }
  }

  private static void assertSame(Box found, Box expected, String what) {
    double[] figures = expected.figures();
    for (int i = 0; i < figures.length; i++) {
      if (Double.isNaN(figures[i])) {
        assertThat(found.figures()[i]).as(what).isNaN();
      } else {
        // errors are roots of differences: of 1e-16 relative to 1e6 a variance keeps 1e-10
        assertThat(found.figures()[i])
            .as("%s, figure %d", what, i)
            .isCloseTo(figures[i], within(1e-9 * Math.abs(figures[i])));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void merge_anySplitAgeAndOrder_isAddingAll(Kind kind) {
    for (int split = 0; split < SPLITS; split++) {
      Random random = new Random(split);
      int batches = 6 + random.nextInt(30);
      List<Box> parts =
          IntStream.range(0, 1 + random.nextInt(6)).mapToObj(i -> make(kind)).toList();
      int[] checkpointsOf = new int[parts.size()];
      int checkpoints = 0;
      Box whole = make(kind);
      for (int batch = 0; batch < batches; batch++) {
        if (random.nextInt(3) == 0) {
          whole.age(0.9);
          checkpoints++;
        }
        int part = random.nextInt(parts.size());
        parts.get(part).age(Math.pow(0.9, checkpoints - checkpointsOf[part]));
        checkpointsOf[part] = checkpoints;
        long seed = 1000L * split + batch;
        whole.add(seed, 1);
        parts.get(part).add(seed, 1);
      }
      for (int part = 0; part < checkpointsOf.length; part++) {
        parts.get(part).age(Math.pow(0.9, checkpoints - checkpointsOf[part]));
      }
      List<Box> shuffled = new ArrayList<>(parts);
      Collections.shuffle(shuffled, random);
      Box merged = make(kind);
      shuffled.forEach(merged::merge);
      assertSame(merged, whole, kind + ", split " + split);
    }
  }

  @ParameterizedTest
  @EnumSource
  void add_late_isAsIfBeforeTheAgeing(Kind kind) {
    Box inTime = make(kind);
    Box late = make(kind);
    for (int batch = 0; batch < 12; batch++) {
      inTime.add(batch, 1);
      if (batch % 3 == 0) {
        inTime.age(0.7);
      }
    }
    for (int batch = 11; batch >= 0; batch--) {
      int ageings = 0;
      for (int after = batch; after < 12; after++) {
        ageings += after % 3 == 0 ? 1 : 0;
      }
      late.add(batch, Math.pow(0.7, ageings));
    }
    assertSame(late, inTime, kind + " late");
  }

  @ParameterizedTest
  @EnumSource
  void merge_intoNothing_isTheSameBitForBit(Kind kind) {
    Box full = make(kind);
    for (int batch = 0; batch < 5; batch++) {
      full.add(batch, 1);
      full.age(0.9);
    }
    Box copy = make(kind);
    copy.merge(full);
    copy.merge(make(kind));
    assertThat(saved(copy)).isEqualTo(saved(full));
  }

  private static double[] saved(Box box) {
    double[] values = new double[box.accumulator().size()];
    box.accumulator().save(DoubleBuffer.wrap(values));
    return values;
  }

  private static Box make(Kind kind) {
    return switch (kind) {
      case DECAYED -> new DecayedBox();
      case NESTED -> new NestedBox();
      case VARIATION -> new VariationBox();
      case SPECTRUM -> new SpectrumBox();
    };
  }
}
