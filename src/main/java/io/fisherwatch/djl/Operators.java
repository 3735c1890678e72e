package io.fisherwatch.djl;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/**
 * PyTorch's operators, sorted into those that only compute and the others. The list is {@code
 * operators.txt}, made by {@code src/main/python/tools/make_operators.py}, which says what was
 * sorted out and why.
 */
final class Operators {

  private static final String REFUSED = "# refused";

  private final Set<String> harmless = new HashSet<>();
  private final Set<String> refused = new HashSet<>();

  private Operators(BufferedReader lines) throws IOException {
    Set<String> names = harmless;
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.equals(REFUSED)) {
        names = refused;
      } else if (!line.startsWith("#")) {
        names.add(line);
      }
    }
  }

  /** The list that the jar holds. */
  static Operators load() {
    try (InputStream in = Operators.class.getResourceAsStream("operators.txt")) {
      if (in == null) {
        throw new IllegalStateException("operators.txt is missing from the jar");
      }
      return new Operators(
          new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII)));
    } catch (IOException e) {
      throw new UncheckedIOException("operators.txt cannot be read", e);
    }
  }

  /** Whether an operator computes and does nothing else. */
  boolean isHarmless(String name) {
    return harmless.contains(name);
  }

  /** Whether it is an operator that an examined graph may not use. */
  boolean isRefused(String name) {
    return refused.contains(name);
  }
}
