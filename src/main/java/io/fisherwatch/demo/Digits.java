package io.fisherwatch.demo;

import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;

/** The handwritten digits: 1,797 images of 8 × 8 pixels, every fifth kept for testing. */
public final class Digits {

  private static final int PIXELS = 64;

  private static final int TEST_EVERY = 5;

  private final List<int[]> rows;
  private final int[] train;
  private final int[] test;

  private Digits(List<int[]> rows) {
    this.rows = rows;
    this.train = IntStream.range(0, rows.size()).filter(i -> !isTest(i)).toArray();
    this.test = IntStream.range(0, rows.size()).filter(Digits::isTest).toArray();
  }

  private static boolean isTest(int row) {
    return row % TEST_EVERY == TEST_EVERY - 1;
  }

  /** Reads them from the jar. */
  public static Digits load() throws IOException {
    try (InputStream in = Digits.class.getResourceAsStream("digits.csv.gz")) {
      if (in == null) {
        throw new IllegalStateException("digits.csv.gz is missing from the jar");
      }
      BufferedReader lines =
          new BufferedReader(
              new InputStreamReader(new GZIPInputStream(in), StandardCharsets.US_ASCII));
      List<int[]> rows = new ArrayList<>();
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] values = line.split(",", -1);
        int[] row = new int[values.length];
        for (int i = 0; i < values.length; i++) {
          row[i] = Integer.parseInt(values[i]);
        }
        rows.add(row);
      }
      return new Digits(rows);
    }
  }

  /** Indices of the images to train on. */
  public int[] train() {
    return train.clone();
  }

  /** Indices of the images to test on. */
  public int[] test() {
    return test.clone();
  }

  /** The label of an image. */
  public int label(int index) {
    return rows.get(index)[PIXELS];
  }

  /** F32 [images, 64], scaled to [0, 1]. */
  public HostTensor pixels(int... indices) {
    ByteBuffer data =
        ByteBuffer.allocate(indices.length * PIXELS * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int index : indices) {
      for (int pixel = 0; pixel < PIXELS; pixel++) {
        data.putFloat(rows.get(index)[pixel] / 16f);
      }
    }
    return HostTensor.of(Dtype.F32, new long[] {indices.length, PIXELS}, data.flip());
  }

  /** I64 [images]. */
  public HostTensor labels(int... indices) {
    return tensor(IntStream.of(indices).map(this::label).toArray());
  }

  /** I64 [labels]. */
  static HostTensor tensor(int... labels) {
    ByteBuffer data =
        ByteBuffer.allocate(labels.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int label : labels) {
      data.putLong(label);
    }
    return HostTensor.of(Dtype.I64, new long[] {labels.length}, data.flip());
  }
}
