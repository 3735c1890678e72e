package io.fisherwatch.djl;

import io.fisherwatch.runtime.ModelException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * A TorchScript file, read as what it is: a zip archive of tensors, of a pickled tree of modules,
 * and of the modules' code as text.
 *
 * <p>Two things are in that text which the engine's Java interface does not give: the names of the
 * graph's arguments, and its buffers. {@link GraphCode} changes the text for our use; {@link
 * #copyPrepared} makes the archive that holds the changed one.
 */
final class GraphArchive {

  private static final long MAX_CODE_BYTES = 64L << 20;
  private static final Pattern CLASS = Pattern.compile("(?m)^class (\\w+)\\(Module\\):\n");
  private static final Pattern CHILD =
      Pattern.compile(
          "(?m)^  (?:(\\w+) :|__annotations__\\[\"([^\"]+)\"\\] =) (__torch__\\.[\\w.]+)$");
  private static final Pattern QUOTED = Pattern.compile("\"([^\"]+)\"");
  private static final Pattern ROOT_CLASS = Pattern.compile("c(__torch__[\\w.]*)\n(\\w+)\n");
  private static final Pattern FORWARD =
      Pattern.compile("(?s)\n  def forward\\(self: [\\w.]+(.*?)\\) -> ");
  private static final Pattern ARGUMENT = Pattern.compile(",\\s*(\\w+): ([\\w\\[\\].]+)");

  /** Operators that reach for files: a graph from a stream has no business with them. */
  private static final Pattern FILES =
      Pattern.compile("\\b(torch\\.(?:save|load|from_file)|open)\\(");

  private final Path file;
  private final String rootClass;
  private final Map<String, String> bodies;
  private final boolean needsPreparation;
  private final boolean onHost;
  private final String device;

  private GraphArchive(
      Path file,
      String rootClass,
      Map<String, String> bodies,
      boolean needsPreparation,
      boolean onHost,
      String device) {
    this.onHost = onHost;
    this.file = file;
    this.device = device;
    this.rootClass = rootClass;
    this.bodies = bodies;
    this.needsPreparation = needsPreparation;
  }

  /**
   * Opens a file and reads its code.
   *
   * @param device where it is to run: {@code cpu}, {@code cuda:0}
   * @throws ModelException {@code bad-graph} if it is not TorchScript
   */
  static GraphArchive read(Path file, String device) throws ModelException {
    try (ZipFile zip = new ZipFile(file.toFile())) {
      Map<String, String> bodies = new HashMap<>();
      String rootClass = null;
      List<String> codes = new ArrayList<>();
      Enumeration<? extends ZipEntry> entries = zip.entries();
      while (entries.hasMoreElements()) {
        ZipEntry entry = entries.nextElement();
        if (isCode(entry)) {
          String code = text(zip, entry);
          Matcher files = FILES.matcher(code);
          if (files.find()) {
            throw new ModelException(
                "bad-graph",
                file
                    + " calls "
                    + files.group(1)
                    + ", which a graph may not: it reaches for files");
          }
          codes.add(code);
          collect(entry, code, bodies);
        } else if (entry.getName().endsWith("/data.pkl")) {
          rootClass = rootClass(zip, entry);
        }
      }
      if (rootClass == null || !bodies.containsKey(rootClass)) {
        throw new ModelException(
            "bad-graph",
            file
                + " holds no TorchScript module; save one with torch.jit.trace(model, inputs).save(...)");
      }
      boolean onHost = codes.stream().allMatch(GraphCode::namesHostOnly);
      boolean needsPreparation =
          codes.stream().anyMatch(code -> !GraphCode.prepared(code, onHost, device).equals(code));
      return new GraphArchive(file, rootClass, bodies, needsPreparation, onHost, device);
    } catch (ZipException e) {
      throw new ModelException(
          "bad-graph",
          file
              + " is not a TorchScript file (no zip archive); save one with torch.jit.trace(...).save(...)",
          e);
    } catch (IOException e) {
      throw new ModelException("bad-graph", file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * The names of the tensors that the graph's {@code forward} takes; empty if the code does not
   * tell.
   */
  Optional<List<String>> inputNames() {
    Matcher forward = FORWARD.matcher(bodies.getOrDefault(rootClass, ""));
    if (!forward.find()) {
      return Optional.empty();
    }
    List<String> names = new ArrayList<>();
    Matcher argument = ARGUMENT.matcher(forward.group(1));
    while (argument.find()) {
      if (argument.group(2).contains("Tensor")) {
        names.add(argument.group(1));
      }
    }
    return Optional.of(names);
  }

  /** Whether the graph has a method of that name. */
  boolean hasMethod(String name) {
    return bodies.getOrDefault(rootClass, "").contains("\n  def " + name + "(");
  }

  /**
   * An extra file that the graph's author has put into the archive.
   *
   * @throws IOException if it is longer than allowed or cannot be read
   */
  Optional<byte[]> extra(String name, int mostBytes) throws IOException {
    try (ZipFile zip = new ZipFile(file.toFile())) {
      Optional<? extends ZipEntry> entry =
          zip.stream()
              .filter(e -> e.getName().matches("[^/]+/extra/" + Pattern.quote(name)))
              .findFirst();
      if (entry.isEmpty()) {
        return Optional.empty();
      }
      try (InputStream in = zip.getInputStream(entry.get())) {
        byte[] content = in.readNBytes(mostBytes + 1);
        if (content.length > mostBytes) {
          throw new IOException(name + " has more than " + mostBytes + " bytes");
        }
        return Optional.of(content);
      }
    }
  }

  /** The names of all buffers, with the path of the modules that hold them. */
  Set<String> buffers() {
    Set<String> names = new LinkedHashSet<>();
    collectBuffers("", rootClass, names, 0);
    return names;
  }

  /** Whether the code has to be changed before it is loaded. */
  boolean needsPreparation() {
    return needsPreparation;
  }

  /** Copies the archive with its code prepared for us. */
  void copyPrepared(Path target) throws IOException {
    try (ZipFile zip = new ZipFile(file.toFile());
        ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(target))) {
      out.setMethod(
          ZipOutputStream
              .STORED); // the engine maps records; there is nothing to gain from compression
      Enumeration<? extends ZipEntry> entries = zip.entries();
      while (entries.hasMoreElements()) {
        ZipEntry entry = entries.nextElement();
        if (isCode(entry)) {
          byte[] code =
              GraphCode.prepared(text(zip, entry), onHost, device).getBytes(StandardCharsets.UTF_8);
          CRC32 crc = new CRC32();
          crc.update(code);
          out.putNextEntry(stored(entry.getName(), code.length, crc.getValue()));
          out.write(code);
        } else {
          out.putNextEntry(stored(entry.getName(), entry.getSize(), entry.getCrc()));
          try (InputStream in = zip.getInputStream(entry)) {
            in.transferTo(out);
          }
        }
        out.closeEntry();
      }
    }
  }

  private void collectBuffers(String prefix, String className, Set<String> names, int depth) {
    String body = bodies.get(className);
    if (body == null || depth > 200) {
      return;
    }
    Matcher lists = GraphCode.LISTS.matcher(body);
    if (lists.find()) {
      Matcher name = QUOTED.matcher(lists.group(2));
      while (name.find()) {
        names.add(prefix + name.group(1));
      }
    }
    Matcher child = CHILD.matcher(body);
    while (child.find()) {
      String name = child.group(1) != null ? child.group(1) : child.group(2);
      collectBuffers(prefix + name + ".", child.group(3), names, depth + 1);
    }
  }

  private static boolean isCode(ZipEntry entry) {
    return entry.getName().contains("/code/") && entry.getName().endsWith(".py");
  }

  private static String text(ZipFile zip, ZipEntry entry) throws IOException {
    if (entry.getSize() > MAX_CODE_BYTES) {
      throw new IOException(entry.getName() + " has " + entry.getSize() + " bytes of code");
    }
    try (InputStream in = zip.getInputStream(entry)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Cuts a file of code into its classes, each under its qualified name. */
  private static void collect(ZipEntry entry, String code, Map<String, String> bodies) {
    String path = entry.getName();
    int start = path.indexOf("/code/") + "/code/".length();
    String module = path.substring(start, path.length() - ".py".length()).replace('/', '.');
    Matcher matcher = CLASS.matcher(code);
    List<Integer> starts = new ArrayList<>();
    List<String> names = new ArrayList<>();
    while (matcher.find()) {
      starts.add(matcher.start());
      names.add(matcher.group(1));
    }
    for (int i = 0; i < names.size(); i++) {
      int end = i + 1 < names.size() ? starts.get(i + 1) : code.length();
      bodies.put(module + "." + names.get(i), code.substring(starts.get(i), end));
    }
  }

  /** The pickled tree begins with the class of its root. */
  private static @org.jspecify.annotations.Nullable String rootClass(ZipFile zip, ZipEntry entry)
      throws IOException {
    try (InputStream in = zip.getInputStream(entry)) {
      String head = new String(in.readNBytes(4096), StandardCharsets.ISO_8859_1);
      Matcher matcher = ROOT_CLASS.matcher(head);
      return matcher.find() ? matcher.group(1) + "." + matcher.group(2) : null;
    }
  }

  /** An entry that is not compressed. */
  static ZipEntry stored(String name, long size, long crc) {
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(size);
    entry.setCompressedSize(size);
    entry.setCrc(crc);
    entry.setTime(0);
    return entry;
  }
}
