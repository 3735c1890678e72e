package io.fisherwatch.djl;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.runtime.Parameter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A graph's own description of its taps ({@code fisherwatch.json}, written by the Python client),
 * checked against its parameters: every one that takes gradients has one rule. The graph may come
 * from anybody; that its rules are true is for {@link Taps} to find out.
 */
final class TapTable {

  /** Rule, first place and number of places among the members, and the options. */
  static final int COLUMNS = 10;

  private static final int VERSION = 1;
  private static final int MOST_TAPS = 100_000;

  private final long[] rules;
  private final long[] members;
  private final int taps;

  private TapTable(long[] rules, long[] members, int taps) {
    this.rules = rules;
    this.members = members;
    this.taps = taps;
  }

  /** The description does not fit the graph; the message says where. */
  static final class MismatchException extends Exception {
    private static final long serialVersionUID = 1L;

    MismatchException(String message) {
      super(message);
    }
  }

  /** Reads a description. */
  static TapTable read(byte[] json, ParameterTable table) throws MismatchException {
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(json);
    } catch (IOException e) {
      throw new MismatchException("it is not JSON");
    }
    JsonNode list = root.path("parameters");
    if (root.path("version").asInt() != VERSION) {
      throw new MismatchException("it is not of version " + VERSION);
    }
    if (root.path("plain").isTextual()) {
      throw new MismatchException(root.path("plain").asText());
    }
    Reader reader = new Reader(table);
    for (JsonNode entry : list) {
      reader.add(entry);
    }
    return reader.table();
  }

  /** A row of {@link #COLUMNS} numbers for every gradient, in the order of the gradients. */
  long[] rules() {
    return rules.clone();
  }

  /** The taps that the rows point to. */
  long[] members() {
    return members.clone();
  }

  /** Whether every rule is a product or a sum: no convolution, no embedding. */
  boolean multiplies() {
    for (int row = 0; row < rules.length; row += COLUMNS) {
      if (rules[row] == TapRule.CONVOLUTION.number() || rules[row] == TapRule.EMBEDDING.number()) {
        return false;
      }
    }
    return true;
  }

  /** How many taps there must be at least. */
  int taps() {
    return taps;
  }

  /** Collects the rows in any order. */
  private static final class Reader {

    private final ParameterTable table;
    private final long[] rules;
    private final boolean[] covered;
    private final List<Long> members = new ArrayList<>();
    private final Map<String, Integer> places = new HashMap<>();
    private int taps;

    Reader(ParameterTable table) {
      for (Parameter parameter : table.parameters()) {
        places.put(parameter.name(), places.size());
      }
      this.table = table;
      this.rules = new long[COLUMNS * table.trainable()];
      this.covered = new boolean[table.trainable()];
    }

    void add(JsonNode entry) throws MismatchException {
      String name = entry.path("name").asText();
      int index = places.getOrDefault(table.owner(name), -1);
      int slot = index < 0 ? -1 : table.slot(index);
      if (slot < 0) {
        throw new MismatchException("the graph has no trainable parameter '" + name + "'");
      }
      if (covered[slot]) {
        throw new MismatchException("parameter '" + name + "' has two rules");
      }
      covered[slot] = true;
      Parameter parameter = table.parameters().get(index);
      Optional<TapRule> rule = TapRule.of(entry.path("rule").asText());
      long[] options = numbers(entry.path("options"), name);
      long[] used = numbers(entry.path("taps"), name);
      if (rule.isEmpty() || !rule.get().fits(parameter, options)) {
        throw new MismatchException(
            "parameter '" + name + "' " + parameter.shape() + " cannot have the rule " + entry);
      }
      if ((used.length == 0) != (rule.get() == TapRule.UNUSED)) {
        throw new MismatchException("parameter '" + name + "' has " + used.length + " taps");
      }
      int row = COLUMNS * slot;
      rules[row] = rule.get().number();
      rules[row + 1] = members.size();
      rules[row + 2] = used.length;
      System.arraycopy(options, 0, rules, row + 3, options.length);
      if (Arrays.stream(used).distinct().count() < used.length) {
        throw new MismatchException("parameter '" + name + "' has a tap twice");
      }
      for (long tap : used) {
        if (tap < 0 || tap >= MOST_TAPS || members.size() >= MOST_TAPS) {
          throw new MismatchException("parameter '" + name + "' has a tap " + tap);
        }
        members.add(tap);
        taps = Math.max(taps, (int) tap + 1);
      }
    }

    private static long[] numbers(JsonNode list, String name) throws MismatchException {
      long[] numbers = new long[list.size()];
      for (int i = 0; i < numbers.length; i++) {
        if (!list.path(i).isIntegralNumber() || !list.path(i).canConvertToLong()) {
          throw new MismatchException("parameter '" + name + "' has " + list + " for numbers");
        }
        numbers[i] = list.path(i).asLong();
      }
      return numbers;
    }

    TapTable table() throws MismatchException {
      for (int i = 0; i < table.parameters().size(); i++) {
        if (table.slot(i) >= 0 && !covered[table.slot(i)]) {
          throw new MismatchException(
              "parameter '" + table.parameters().get(i).name() + "' has no rule");
        }
      }
      if (taps == 0) {
        throw new MismatchException("there is no tap");
      }
      long[] places = members.stream().mapToLong(Long::longValue).toArray();
      return new TapTable(Arrays.copyOf(rules, rules.length), places, taps);
    }
  }
}
