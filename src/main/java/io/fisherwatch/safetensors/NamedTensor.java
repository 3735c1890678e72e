package io.fisherwatch.safetensors;

import java.io.IOException;
import java.io.OutputStream;

/** A tensor whose elements something else writes. */
final class NamedTensor implements TensorSource {

  private final String name;
  private final Dtype dtype;
  private final long[] shape;
  private final Elements elements;

  /** Writes a tensor's elements. */
  @FunctionalInterface
  interface Elements {
    void writeTo(OutputStream out) throws IOException;
  }

  NamedTensor(String name, Dtype dtype, long[] shape, Elements elements) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape.clone();
    this.elements = elements;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Dtype dtype() {
    return dtype;
  }

  @Override
  public long[] shape() {
    return shape.clone();
  }

  @Override
  public void writeTo(OutputStream out) throws IOException {
    elements.writeTo(out);
  }
}
