package io.fisherwatch.djl;

import io.fisherwatch.djl.CodeTokens.UnreadableCodeException;
import io.fisherwatch.runtime.ModelException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Examines a TorchScript file that nobody vouches for, without the engine, and writes the copy that
 * may be loaded.
 *
 * <p>Two readers of one zip archive can see two different things in it. So what was examined is
 * written anew, entry by entry, and the engine gets to see that copy only: nothing in it has been
 * looked at by one reader and is read by another. What the code can still do is to compute wrongly,
 * for long, or with too much memory; that is for a child process to find out.
 */
public final class GraphExaminer {

  private static final long MOST_CODE_BYTES = 64L << 20;
  private static final int MOST_FILE_BYTES = 16 << 20;
  private static final int MOST_PICKLE_BYTES = 64 << 20;
  private static final int LONGEST_NAME = 1_000;
  private static final int CHUNK_BYTES = 1 << 16;

  private static final String PART = "[A-Za-z0-9_][A-Za-z0-9_.-]*";

  /**
   * What exporters write, below the archive's one folder. Of names with a dot in front only these.
   */
  private static final Pattern KNOWN =
      Pattern.compile(
          "(?:data|constants|attributes|traced_inputs|bytecode|mobile_debug_handles)\\.pkl"
              + "|(?:data|constants|traced_inputs|tensors)/[0-9]{1,9}"
              + "|version|byteorder|\\.format_version|\\.storage_alignment"
              + "|\\.data/(?:serialization_id|version)"
              + "|extra/(?:PART/)*PART|code/(?:PART/)*PART\\.py(?:\\.debug_pkl)?"
                  .replace("PART", PART));

  private final Path file;
  private final long mostBytes;
  private final CodeExaminer code = new CodeExaminer();
  private final Set<String> names = new HashSet<>();
  private final byte[] chunk = new byte[CHUNK_BYTES];
  private String folder = "";
  private long bytes;
  private long codeBytes;

  private GraphExaminer(Path file, long mostBytes) {
    this.file = file;
    this.mostBytes = mostBytes;
  }

  /**
   * Examines a file and writes the copy that may be loaded.
   *
   * @param mostBytes what its entries may take together when unpacked
   * @throws ModelException {@code bad-graph} if it is no TorchScript file, {@code graph-too-large},
   *     or {@code untrusted-graph} if it holds anything but a harmless computation
   * @throws IOException if the copy cannot be written
   */
  public static void copyExamined(Path file, Path copy, long mostBytes)
      throws ModelException, IOException {
    try (OutputStream out = Files.newOutputStream(copy)) {
      new GraphExaminer(file, mostBytes).copyTo(out);
    }
  }

  private void copyTo(OutputStream to) throws ModelException, IOException {
    try {
      ArchiveBounds.check(file);
    } catch (IOException e) {
      throw new ModelException(
          "bad-graph", "the graph is no TorchScript file: " + e.getMessage(), e);
    }
    ZipOutputStream out = new ZipOutputStream(to); // closed by whoever opened what is below
    out.setMethod(ZipOutputStream.STORED);
    try (ZipFile zip = new ZipFile(file.toFile(), StandardCharsets.ISO_8859_1)) {
      Enumeration<? extends ZipEntry> entries = zip.entries();
      while (entries.hasMoreElements()) {
        ZipEntry entry = entries.nextElement();
        String name = checkedName(entry.getName());
        if (isText(name)) {
          byte[] content = content(zip, entry, name);
          examine(name, content);
          store(out, entry.getName(), content);
        } else {
          copy(zip, entry, out);
        }
      }
      code.fault().ifPresent(this::refuse);
    } catch (UntrustedException e) {
      throw new ModelException(
          "untrusted-graph",
          "the graph is not on the list files.trustedGraphs, and not harmless either: "
              + e.getMessage(),
          e);
    } catch (LimitException e) {
      throw new ModelException("graph-too-large", "the graph: " + e.getMessage(), e);
    } catch (IOException | IllegalArgumentException e) {
      throw new ModelException(
          "bad-graph", "the graph is no TorchScript file that can be read: " + e.getMessage(), e);
    }
    out.finish();
  }

  /** The name below the archive's folder. */
  private String checkedName(String full) {
    if (full.length() > LONGEST_NAME || !full.matches("[ -~]+")) {
      throw refusal("an entry's name is longer than " + LONGEST_NAME + " or not ASCII");
    }
    int slash = full.indexOf('/');
    String own = slash < 0 ? full : full.substring(0, slash);
    if (names.isEmpty()) {
      folder = own;
    }
    boolean inFolder = slash > 0 && own.equals(folder) && !own.startsWith(".");
    String name = full.substring(slash + 1);
    if (!inFolder || !KNOWN.matcher(name).matches() || name.contains("..")) {
      throw refusal("it has an entry '" + full + "', which no exporter writes");
    }
    // readers that do not tell case apart would take two for one
    if (!names.add(name.toLowerCase(Locale.ROOT))) {
      throw refusal("it has the entry '" + full + "' twice");
    }
    return name;
  }

  private static boolean isText(String name) {
    return name.endsWith(".py") || name.endsWith("pkl");
  }

  private void examine(String name, byte[] content) {
    if (name.endsWith("pkl")) {
      PickleExaminer.fault(content).ifPresent(fault -> refuse(name + ": " + fault));
      return;
    }
    codeBytes += content.length;
    if (codeBytes > MOST_CODE_BYTES) {
      throw new LimitException("its code has more than " + MOST_CODE_BYTES + " bytes");
    }
    String module = name.substring("code/".length(), name.length() - ".py".length());
    try {
      code.add(module.replace('/', '.'), new String(content, StandardCharsets.ISO_8859_1));
    } catch (UnreadableCodeException e) {
      refuse(name + ", " + e.getMessage());
    }
  }

  /** Reads an entry that is looked at, however long it says that it is. */
  private byte[] content(ZipFile zip, ZipEntry entry, String name) throws IOException {
    int most = name.endsWith(".py") ? MOST_FILE_BYTES : MOST_PICKLE_BYTES;
    try (InputStream in = zip.getInputStream(entry)) {
      byte[] content = in.readNBytes(most + 1);
      if (content.length > most) {
        throw new LimitException(name + " has more than " + most + " bytes");
      }
      count(content.length);
      return content;
    }
  }

  private void copy(ZipFile zip, ZipEntry entry, ZipOutputStream out) throws IOException {
    out.putNextEntry(GraphArchive.stored(entry.getName(), entry.getSize(), entry.getCrc()));
    try (InputStream in = zip.getInputStream(entry)) {
      for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
        count(read);
        out.write(chunk, 0, read);
      }
    }
    out.closeEntry(); // compares size and checksum with what the archive says
  }

  private void count(int more) {
    bytes += more;
    if (bytes > mostBytes) {
      throw new LimitException(
          "unpacked it has more than "
              + mostBytes
              + " bytes; files.maxGraphBytes would have to be larger");
    }
  }

  private static void store(ZipOutputStream out, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    out.putNextEntry(GraphArchive.stored(name, content.length, crc.getValue()));
    out.write(content);
    out.closeEntry();
  }

  private void refuse(String fault) {
    throw refusal(fault);
  }

  private static UntrustedException refusal(String fault) {
    return new UntrustedException(fault);
  }

  /** Something that only a trusted graph may hold. */
  private static final class UntrustedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UntrustedException(String fault) {
      super(fault);
    }
  }

  /** More of something than is allowed. */
  private static final class LimitException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    LimitException(String fault) {
      super(fault);
    }
  }
}
