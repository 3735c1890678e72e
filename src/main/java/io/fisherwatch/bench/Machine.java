package io.fisherwatch.bench;

import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/** What the measurements were made on. */
final class Machine {

  private Machine() {}

  /** A line of Markdown. */
  static String describe(String engine, String device) {
    return "%d cores, %s, %s of memory, %s %s, Java %s (%s), %s"
        .formatted(
            Runtime.getRuntime().availableProcessors(),
            field(Path.of("/proc/cpuinfo"), "model name", System.getProperty("os.arch", "?")),
            memory(),
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("java.version"),
            System.getProperty("java.vm.name"),
            device.equals("cpu")
                ? engine
                : engine + " on " + gpu(device.substring(device.indexOf(':') + 1)));
  }

  /** How many threads waited for a core in the last minute, on average. */
  static String load() {
    double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
    return load < 0 ? "unknown" : String.format(Locale.ROOT, "%.2f", load);
  }

  private static String gpu(String number) {
    try {
      Process asked =
          new ProcessBuilder(
                  "nvidia-smi",
                  "-i",
                  number,
                  "--query-gpu=name,driver_version",
                  "--format=csv,noheader")
              .redirectErrorStream(true)
              .start();
      try (InputStream said = asked.getInputStream()) {
        return new String(said.readAllBytes(), StandardCharsets.UTF_8).strip();
      }
    } catch (IOException e) {
      return "a GPU of which nvidia-smi could not tell: " + e.getMessage();
    }
  }

  private static String memory() {
    String kilobytes = field(Path.of("/proc/meminfo"), "MemTotal", "").replaceAll("\\D", "");
    return kilobytes.isEmpty()
        ? "an unknown amount"
        : String.format(Locale.ROOT, "%.1f GB", Double.parseDouble(kilobytes) * 1024 / 1e9);
  }

  private static String field(Path file, String name, String otherwise) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith(name))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(otherwise);
    } catch (IOException e) {
      return otherwise; // not Linux
    }
  }
}
