package io.fisherwatch.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/** Resident memory of processes, where {@code /proc} tells it. */
final class ResidentMemory {

  private ResidentMemory() {}

  /** Whether this system tells it. */
  static boolean isKnown() {
    return Files.isWritable(Path.of("/proc/self/clear_refs"));
  }

  /** Bytes of this process now. */
  static long now() throws IOException {
    return field("self", "VmRSS:").orElseThrow(() -> new IOException("no VmRSS in /proc"));
  }

  /** The most bytes of this process since {@link #resetPeak}. */
  static long peak() throws IOException {
    return field("self", "VmHWM:").orElseThrow(() -> new IOException("no VmHWM in /proc"));
  }

  static void resetPeak() throws IOException {
    Files.writeString(Path.of("/proc/self/clear_refs"), "5");
  }

  /** The most bytes of a child process so far; empty once it is gone. */
  static OptionalLong peakOf(long pid) {
    try {
      return field(Long.toString(pid), "VmHWM:");
    } catch (IOException e) {
      return OptionalLong.empty(); // it has ended
    }
  }

  private static OptionalLong field(String process, String name) throws IOException {
    List<String> lines = Files.readAllLines(Path.of("/proc", process, "status"));
    return lines.stream()
        .filter(line -> line.startsWith(name))
        .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst();
  }
}
