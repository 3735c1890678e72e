package io.fisherwatch.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * An image as {@code docker load} takes it: its configuration and the files of its layers,
 * unpacked.
 *
 * @param entries what is in the layers, by path without a leading slash
 */
record ImageTar(JsonNode config, Map<String, TarArchiveEntry> entries) {

  /** Reads one, and writes its files under a folder. */
  static ImageTar unpack(Path tar, Path root) throws IOException {
    Map<String, byte[]> outer = new TreeMap<>();
    try (TarArchiveInputStream in = new TarArchiveInputStream(Files.newInputStream(tar))) {
      for (var entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        outer.put(entry.getName(), in.readAllBytes());
      }
    }
    ObjectMapper json = new ObjectMapper();
    JsonNode manifest = json.readTree(outer.get("manifest.json")).path(0);
    Map<String, TarArchiveEntry> entries = new TreeMap<>();
    for (JsonNode layer : manifest.path("Layers")) {
      unpack(outer.get(layer.asText()), root, entries);
    }
    return new ImageTar(json.readTree(outer.get(manifest.path("Config").asText())), entries);
  }

  private static void unpack(byte[] layer, Path root, Map<String, TarArchiveEntry> entries)
      throws IOException {
    try (InputStream packed = new GZIPInputStream(new ByteArrayInputStream(layer));
        TarArchiveInputStream in = new TarArchiveInputStream(packed)) {
      for (var entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        Path file = root.resolve(entry.getName()).normalize();
        if (!file.startsWith(root)) {
          throw new IOException(entry.getName() + " leads out of the image");
        }
        if (entry.isDirectory()) {
          Files.createDirectories(file);
        } else {
          Files.createDirectories(file.getParent());
          Files.copy(in, file);
        }
        entries.put(entry.getName().replaceFirst("/$", ""), entry);
      }
    }
  }
}
