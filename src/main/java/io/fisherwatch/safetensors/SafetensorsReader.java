package io.fisherwatch.safetensors;

import static io.fisherwatch.safetensors.SafetensorsException.quote;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads a safetensors file (github.com/huggingface/safetensors, "Format") and trusts nothing in it:
 * header at most 100 MB, known dtypes, names once, byte ranges without holes or overlaps that fit
 * shapes, dtypes and the file's length. For one thread.
 *
 * <p>Files are read through bounded buffers and never mapped: truncating a mapped file kills the
 * JVM that reads it.
 */
public final class SafetensorsReader implements AutoCloseable {

  private static final int STEP_BYTES = 1 << 20;
  private static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;

  private final String what;
  private final FileChannel channel;
  private final long length;
  private final long dataStart;
  private final Map<String, TensorInfo> tensors;
  private final MessageDigest afterHeader;
  private @Nullable ByteBuffer direct;

  /** Whether the channel was opened here. */
  private final boolean owned;

  private SafetensorsReader(String what, FileChannel channel, boolean owned) throws IOException {
    this.what = what;
    this.channel = channel;
    this.owned = owned;
    this.length = channel.size();
    if (length < SafetensorsHeader.LENGTH_BYTES) {
      throw new SafetensorsException(what, tooShort(length));
    }
    byte[] headerLength = new byte[SafetensorsHeader.LENGTH_BYTES];
    readFully(0, ByteBuffer.wrap(headerLength));
    byte[] header =
        new byte
            [SafetensorsHeader.checkedLength(
                what, littleEndian(headerLength).getLong(), length - headerLength.length)];
    readFully(headerLength.length, ByteBuffer.wrap(header));
    this.dataStart = (long) headerLength.length + header.length;
    this.tensors = byName(SafetensorsHeader.parse(what, header, length - dataStart));
    this.afterHeader = Digests.newSha256();
    afterHeader.update(headerLength);
    afterHeader.update(header);
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws SafetensorsException if the file is malformed
   * @throws IOException if it cannot be read
   */
  public static SafetensorsReader open(Path file) throws IOException {
    FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
    try {
      return new SafetensorsReader(file.toString(), channel, true);
    } catch (IOException | RuntimeException | Error e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Reads the header of a file that is open already. The channel stays open, and its position where
   * it was.
   *
   * @param what names the file in messages
   * @throws SafetensorsException if the file is malformed
   * @throws IOException if it cannot be read
   */
  public static SafetensorsReader open(FileChannel channel, String what) throws IOException {
    return new SafetensorsReader(what, channel, false);
  }

  /**
   * The tensors of a file that lies in memory, in the file's order. They are views of the array,
   * which must not change afterwards.
   *
   * @param what names the source in messages
   */
  public static Map<String, HostTensor> decode(byte[] bytes, String what)
      throws SafetensorsException {
    if (bytes.length < SafetensorsHeader.LENGTH_BYTES) {
      throw new SafetensorsException(what, tooShort(bytes.length));
    }
    int start = SafetensorsHeader.LENGTH_BYTES;
    int header =
        SafetensorsHeader.checkedLength(
            what, littleEndian(bytes).getLong(), bytes.length - (long) start);
    int data = start + header;
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    for (TensorInfo tensor :
        SafetensorsHeader.parse(
            what, Arrays.copyOfRange(bytes, start, data), bytes.length - (long) data)) {
      ByteBuffer part =
          ByteBuffer.wrap(bytes).slice(data + (int) tensor.begin(), (int) tensor.bytes());
      tensors.put(tensor.name(), HostTensor.of(tensor.dtype(), tensor.dimensions(), part));
    }
    return Collections.unmodifiableMap(tensors);
  }

  /** The SHA-256 of a file in lower-case hexadecimal digits. */
  public static String sha256(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return Digests.sha256(in);
    }
  }

  /** The SHA-256 of what is left in a stream, in lower-case hexadecimal digits. */
  public static String sha256(InputStream in) throws IOException {
    return Digests.sha256(in);
  }

  /** The SHA-256 of the whole file as it is now, in lower-case hexadecimal digits. */
  public String sha256() throws IOException {
    MessageDigest digest = Digests.newSha256();
    ByteBuffer buffer = ByteBuffer.allocate(STEP_BYTES);
    for (long at = 0; at < length; at += buffer.limit()) {
      buffer.clear().limit((int) Math.min(STEP_BYTES, length - at));
      readFully(at, buffer);
      digest.update(buffer.flip());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** The tensors in the order of their bytes in the file. */
  public List<TensorInfo> tensors() {
    return List.copyOf(tensors.values());
  }

  /** The tensor of a name, if the file has it. */
  public Optional<TensorInfo> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /**
   * Reads a whole tensor of at most 2 GiB into the heap.
   *
   * @throws SafetensorsException if the file has no such tensor, or it is larger
   */
  public HostTensor read(String name) throws IOException {
    TensorInfo tensor = tensors.get(name);
    if (tensor == null) {
      throw new SafetensorsException(
          what, "has no tensor " + quote(name) + " among its " + tensors.size());
    }
    if (tensor.bytes() > LARGEST_ARRAY) {
      throw new SafetensorsException(
          what,
          "tensor " + quote(name) + " has " + tensor.bytes() + " bytes, too many to read at once");
    }
    ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes());
    readFully(dataStart + tensor.begin(), bytes);
    return HostTensor.of(tensor.dtype(), tensor.dimensions(), bytes.flip());
  }

  /**
   * Reads a piece of a tensor, so that several files can be gone through side by side.
   *
   * @param elementOffset the first element
   * @param into whole elements from its position to its limit, all of them within the tensor
   */
  public void read(TensorInfo tensor, long elementOffset, ByteBuffer into) throws IOException {
    long at = Math.multiplyExact(elementOffset, tensor.dtype().bytes());
    if (!tensor.equals(tensors.get(tensor.name()))
        || elementOffset < 0
        || at + into.remaining() > tensor.bytes()) {
      throw new IllegalArgumentException(
          into.remaining() + " bytes from element " + elementOffset + " are not in " + tensor);
    }
    readFully(dataStart + tensor.begin() + at, into);
  }

  /**
   * Hands a tensor to a sink in pieces, through one direct buffer.
   *
   * @param chunkBytes the largest piece, a multiple of 8
   */
  public void stream(TensorInfo tensor, int chunkBytes, ChunkSink sink) throws IOException {
    if (!tensor.equals(tensors.get(tensor.name()))) {
      throw new IllegalArgumentException(tensor + " is not a tensor of " + what);
    }
    stream(tensor, chunkBytes, null, sink);
  }

  /**
   * Hands every tensor to a sink in pieces, in the file's order.
   *
   * @param chunkBytes the largest piece, a multiple of 8
   * @return the SHA-256, in lower-case hexadecimal digits, of the header as it was read on opening
   *     and exactly the bytes handed out: of the file, unless it changed in the meantime
   */
  public String streamAll(int chunkBytes, TensorSink sink) throws IOException {
    MessageDigest digest = Digests.copy(afterHeader);
    for (TensorInfo tensor : tensors.values()) {
      stream(tensor, chunkBytes, digest, (offset, chunk) -> sink.accept(tensor, offset, chunk));
    }
    if (channel.size() != length) {
      throw new SafetensorsException(
          what,
          "had " + length + " bytes, now " + channel.size() + ": it changed under the reader");
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  @Override
  public void close() throws IOException {
    direct = null;
    if (owned) {
      channel.close();
    }
  }

  private void stream(
      TensorInfo tensor, int chunkBytes, @Nullable MessageDigest digest, ChunkSink sink)
      throws IOException {
    ByteBuffer buffer = buffer(chunkBytes);
    long at = 0;
    do {
      buffer.clear().limit((int) Math.min(chunkBytes, tensor.bytes() - at));
      readFully(dataStart + tensor.begin() + at, buffer);
      buffer.flip();
      if (digest != null) {
        digest.update(buffer.duplicate());
      }
      sink.accept(at / tensor.dtype().bytes(), buffer.slice().order(ByteOrder.LITTLE_ENDIAN));
      at += buffer.limit();
    } while (at < tensor.bytes());
  }

  /** One buffer serves every call: direct memory is given back late. */
  private ByteBuffer buffer(int chunkBytes) {
    if (chunkBytes <= 0 || chunkBytes % Long.BYTES != 0) {
      throw new IllegalArgumentException(
          "chunkBytes is " + chunkBytes + ", not a positive multiple of " + Long.BYTES);
    }
    ByteBuffer buffer = direct;
    if (buffer == null || buffer.capacity() < chunkBytes) {
      buffer = ByteBuffer.allocateDirect(chunkBytes);
      direct = buffer;
    }
    return buffer;
  }

  private void readFully(long at, ByteBuffer into) throws IOException {
    int end = into.limit();
    long from = at - into.position();
    while (into.position() < end) {
      // in steps: the channel reads into the heap through a direct buffer of the same size
      into.limit(Math.min(end, into.position() + STEP_BYTES));
      if (channel.read(into, from + into.position()) < 0) {
        throw new SafetensorsException(
            what, "ends at byte " + (from + into.position()) + ": it shrank under the reader");
      }
      into.limit(end);
    }
  }

  private static Map<String, TensorInfo> byName(List<TensorInfo> tensors) {
    Map<String, TensorInfo> byName = new LinkedHashMap<>();
    tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
    return byName;
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static String tooShort(long bytes) {
    return "has " + bytes + " bytes, too few for a safetensors file";
  }
}
