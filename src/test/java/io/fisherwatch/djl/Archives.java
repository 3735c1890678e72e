package io.fisherwatch.djl;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/** Takes TorchScript archives apart and puts others together. */
public final class Archives {

  static final Path MODELS = Path.of("src/test/resources/models");

  private static final String CODE = "graph/code/__torch__/networks.py";

  private Archives() {}

  static Map<String, byte[]> entries(Path file) throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    try (ZipFile zip = new ZipFile(file.toFile())) {
      for (ZipEntry entry : zip.stream().toList()) {
        entries.put(entry.getName(), zip.getInputStream(entry).readAllBytes());
      }
    }
    return entries;
  }

  static Path write(Path file, Map<String, byte[]> entries) throws IOException {
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write(bytes(entries));
    }
    return file;
  }

  static byte[] bytes(Map<String, byte[]> entries) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream out = new ZipOutputStream(bytes)) {
      for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
        out.putNextEntry(new ZipEntry(entry.getKey()));
        out.write(entry.getValue());
      }
    }
    return bytes.toByteArray();
  }

  /** The scripted model's code with a line put at the begin of its inner class's forward. */
  static String codeWith(String line) throws IOException {
    String code =
        new String(
            entries(MODELS.resolve("scripted/graph.pt")).get(CODE), StandardCharsets.US_ASCII);
    return code.replace(
        "    weight = self.weight\n", "    " + line + "\n    weight = self.weight\n");
  }

  /** The scripted model with a line put at the begin of its inner class's forward. */
  public static Path graphWith(Path file, String line) throws IOException {
    Map<String, byte[]> entries = entries(MODELS.resolve("scripted/graph.pt"));
    entries.put(CODE, codeWith(line).getBytes(StandardCharsets.UTF_8));
    return write(file, entries);
  }

  /** A model's graph that says something else of its taps. */
  public static Path graphThatSays(Path file, String model, String description) throws IOException {
    Map<String, byte[]> entries = entries(MODELS.resolve(model + "/graph.pt"));
    entries.put("graph/extra/fisherwatch.json", description.getBytes(StandardCharsets.UTF_8));
    return write(file, entries);
  }
}
