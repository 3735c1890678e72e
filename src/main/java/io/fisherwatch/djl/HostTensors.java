package io.fisherwatch.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import io.fisherwatch.runtime.ModelException;
import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Carries small tensors between the JVM's memory and the device. */
final class HostTensors {

  private HostTensors() {}

  /**
   * Copies a tensor to the device; it lives as long as the manager. 16-bit floats are widened to
   * 32: the engine's Java interface ends the process at a BF16 buffer.
   */
  static NDArray toDevice(HostTensor original, PtNDManager manager) throws ModelException {
    HostTensor tensor = original.widened();
    ByteBuffer bytes = tensor.data();
    ByteBuffer direct = ByteBuffer.allocateDirect(bytes.remaining()).order(ByteOrder.nativeOrder());
    direct.put(bytes).flip();
    return manager.create(direct, new Shape(tensor.shape()), dataType(tensor.dtype()));
  }

  /** A copy in the JVM's memory; 16-bit floats are widened to 32. */
  static HostTensor toHost(NDArray tensor, Kernels kernels, PtNDManager manager) {
    try (PtNDManager scope = (PtNDManager) manager.newSubManager()) {
      NDArray host = kernels.call(scope, "host", tensor).get(0);
      return HostTensor.of(
          dtype(host.getDataType()), host.getShape().getShape(), host.toByteBuffer(false));
    }
  }

  /** The engine's name of an element type. */
  static DataType dataType(Dtype dtype) throws ModelException {
    return switch (dtype) {
      case BOOL -> DataType.BOOLEAN;
      case U8 -> DataType.UINT8;
      case I8 -> DataType.INT8;
      case I32 -> DataType.INT32;
      case I64 -> DataType.INT64;
      case F16, BF16 -> throw new IllegalArgumentException(dtype + " has not been widened");
      case F32 -> DataType.FLOAT32;
      case F64 -> DataType.FLOAT64;
      case I16 ->
          throw new ModelException(
              "dtype-mismatch", "I16 tensors are not taken; save them as I32 or I64");
    };
  }

  private static Dtype dtype(DataType type) {
    return switch (type) {
      case BOOLEAN -> Dtype.BOOL;
      case UINT8 -> Dtype.U8;
      case INT8 -> Dtype.I8;
      case INT32 -> Dtype.I32;
      case INT64 -> Dtype.I64;
      case FLOAT32 -> Dtype.F32;
      case FLOAT64 -> Dtype.F64;
      default -> throw new IllegalArgumentException("no host tensor of " + type);
    };
  }
}
