package io.fisherwatch.djl;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * Looks at the end of a zip archive before anything is read into memory: how many entries it says
 * that it has, and how long their list is.
 *
 * <p>The archive must end with its end record, without a comment, so that every reader finds the
 * same one.
 */
final class ArchiveBounds {

  /** Entries of an archive; each tensor is one. */
  static final int MOST_ENTRIES = 200_000;

  private static final long LONGEST_LIST = 64L << 20;
  private static final int END_BYTES = 22;
  private static final int END_SIGNATURE = 0x06054b50;
  private static final int LOCATOR_BYTES = 20;
  private static final int LOCATOR_SIGNATURE = 0x07064b50;
  private static final int WIDE_END_BYTES = 56;
  private static final int WIDE_END_SIGNATURE = 0x06064b50;

  private ArchiveBounds() {}

  /**
   * Checks them.
   *
   * @throws IOException with what is wrong
   */
  static void check(Path file) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      long length = in.length();
      ByteBuffer end = read(in, length - END_BYTES, END_BYTES);
      if (end.getInt(0) != END_SIGNATURE || end.getShort(20) != 0) {
        throw new IOException("it does not end as a zip archive without a comment");
      }
      long entries = Short.toUnsignedLong(end.getShort(10));
      long list = Integer.toUnsignedLong(end.getInt(12));
      if (length >= END_BYTES + LOCATOR_BYTES) {
        long before = length - END_BYTES - LOCATOR_BYTES;
        ByteBuffer locator = read(in, before, LOCATOR_BYTES);
        if (locator.getInt(0) == LOCATOR_SIGNATURE) {
          ByteBuffer wide = read(in, locator.getLong(8), WIDE_END_BYTES);
          if (wide.getInt(0) != WIDE_END_SIGNATURE) {
            throw new IOException("its end record is not where the archive says");
          }
          entries = wide.getLong(32);
          list = wide.getLong(40);
        }
      }
      if (entries < 1 || entries > MOST_ENTRIES || list < 0 || list > LONGEST_LIST) {
        throw new IOException(
            "it says that it has %s entries in a list of %s bytes; %d and %d are allowed"
                .formatted(
                    Long.toUnsignedString(entries),
                    Long.toUnsignedString(list),
                    MOST_ENTRIES,
                    LONGEST_LIST));
      }
    }
  }

  private static ByteBuffer read(RandomAccessFile in, long at, int bytes) throws IOException {
    if (at < 0 || at > in.length() - bytes) {
      throw new IOException("it is too short for a zip archive, or its end record points outside");
    }
    byte[] read = new byte[bytes];
    in.seek(at);
    in.readFully(read);
    return ByteBuffer.wrap(read).order(ByteOrder.LITTLE_ENDIAN);
  }
}
