package io.fisherwatch.web;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The parameters of a request: what stands behind its question mark. */
final class Query {

  private final Map<String, List<String>> values;

  private Query(Map<String, List<String>> values) {
    this.values = values;
  }

  static Query of(URI uri) {
    Map<String, List<String>> values = new LinkedHashMap<>();
    String query = uri.getRawQuery();
    if (query != null) {
      for (String pair : query.split("&", -1)) {
        int equals = pair.indexOf('=');
        String name = equals < 0 ? pair : pair.substring(0, equals);
        String value = equals < 0 ? "" : pair.substring(equals + 1);
        values.computeIfAbsent(decode(name), key -> new ArrayList<>()).add(decode(value));
      }
    }
    return new Query(values);
  }

  /** Every value of a parameter, in the order given. */
  List<String> all(String name) {
    return values.getOrDefault(name, List.of());
  }

  /** The first value of a parameter. */
  Optional<String> first(String name) {
    return all(name).stream().findFirst();
  }

  /**
   * A whole number of at least 2.
   *
   * @param missing what stands for a parameter that is not given
   * @throws IllegalArgumentException if it is no such number
   */
  int atLeastTwo(String name, int missing) {
    Optional<String> text = first(name);
    if (text.isEmpty()) {
      return missing;
    }
    if (!text.get().matches("\\d{1,9}") || Integer.parseInt(text.get()) < 2) {
      throw new IllegalArgumentException(
          "'" + name + "' is '" + text.get() + "', not a whole number of at least 2");
    }
    return Integer.parseInt(text.get());
  }

  private static String decode(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }
}
