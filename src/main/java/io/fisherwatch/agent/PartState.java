package io.fisherwatch.agent;

import io.fisherwatch.safetensors.Dtype;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.TensorInfo;
import io.fisherwatch.safetensors.TensorSource;
import io.fisherwatch.share.DiagonalReference;
import io.fisherwatch.share.Part;
import io.fisherwatch.share.RunParts;
import io.fisherwatch.share.ShareCodec;
import io.fisherwatch.share.ShareException;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.share.ShareStamp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What the state of a part has besides that of a run: its clock, and what it was about to publish,
 * so that the next owner can publish it before it has loaded a model.
 *
 * @param ordinal of the checkpoint in force; −1 before the first
 * @param refusedOrdinal of the latest checkpoint that was refused; −1 if none was
 * @param latest what has been accumulated; empty before the first batch
 */
record PartState(long ordinal, long refusedOrdinal, Optional<Part> latest) {

  private static final String CLOCK = "part/clock";
  private static final String SHARE = "part/share/";

  /** As tensors for the state file. */
  static List<TensorSource> tensors(long ordinal, long refusedOrdinal, Optional<Part> latest) {
    List<TensorSource> tensors = new ArrayList<>();
    ByteBuffer clock = ByteBuffer.allocate(2 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    clock.putLong(ordinal).putLong(refusedOrdinal).flip();
    tensors.add(TensorSource.of(CLOCK, HostTensor.of(Dtype.I64, new long[] {2}, clock)));
    if (latest.isPresent()) {
      for (ShareRecord part : ShareCodec.encode(latest.get().stamp(), latest.get().share())) {
        ByteBuffer bytes = ByteBuffer.wrap(part.value());
        tensors.add(
            TensorSource.of(
                SHARE + part.key(),
                HostTensor.of(Dtype.U8, new long[] {bytes.remaining()}, bytes)));
      }
    }
    return tensors;
  }

  /** Reads one from a state file. */
  static PartState read(String run, Path file) throws IOException {
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      ByteBuffer clock = reader.read(CLOCK).data().order(ByteOrder.LITTLE_ENDIAN);
      RunParts parts = new RunParts(run);
      for (TensorInfo tensor : reader.tensors()) {
        if (tensor.name().startsWith(SHARE)) {
          ByteBuffer data = reader.read(tensor.name()).data();
          byte[] value = new byte[data.remaining()];
          data.get(value);
          boolean unused =
              parts.add(new ShareRecord(tensor.name().substring(SHARE.length()), value));
        }
      }
      return new PartState(clock.getLong(), clock.getLong(), parts.parts().stream().findFirst());
    } catch (ShareException e) {
      throw new IOException(file + " holds a share that is none: " + e.getMessage(), e);
    }
  }

  /** The stamp of a publication. */
  static ShareStamp stamp(
      ShareStamp of,
      long epoch,
      long sequence,
      String agent,
      boolean ended,
      Optional<DiagonalReference> diagonal) {
    return new ShareStamp(
        of.run(),
        of.partition(),
        epoch,
        sequence,
        agent,
        of.attempt(),
        of.ordinal(),
        of.checkpointStep(),
        of.batchStep(),
        of.checkpointTimeSeconds(),
        of.decay(),
        ended,
        diagonal);
  }
}
