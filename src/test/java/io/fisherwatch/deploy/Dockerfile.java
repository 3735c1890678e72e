package io.fisherwatch.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A Dockerfile, as far as ours go: arguments before the first stage, and stages.
 *
 * @param arguments defaults of the arguments that bases are named by
 */
record Dockerfile(Map<String, String> arguments, List<Stage> stages) {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Pattern FROM = Pattern.compile("(\\S+)(?:\\s+AS\\s+(\\S+))?");
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{(\\w+)}");
  private static final Pattern PAIR = Pattern.compile("([\\w.]+)=(?:\"([^\"]*)\"|(\\S+))");

  /**
   * An instruction.
   *
   * @param keyword in capitals
   */
  record Instruction(String keyword, String rest) {}

  /**
   * What lies between two FROMs.
   *
   * @param base with arguments put in
   * @param name empty if it has none
   */
  record Stage(String base, String name, List<Instruction> instructions) {

    /** The last instruction of a kind, empty if there is none. */
    String last(String keyword) {
      String found = "";
      for (Instruction instruction : instructions) {
        found = instruction.keyword().equals(keyword) ? instruction.rest() : found;
      }
      return found;
    }

    /** NAME=VALUE pairs of all instructions of a kind. */
    Map<String, String> pairs(String keyword) {
      Map<String, String> pairs = new TreeMap<>();
      for (Instruction instruction : instructions) {
        Matcher pair =
            PAIR.matcher(instruction.keyword().equals(keyword) ? instruction.rest() : "");
        while (pair.find()) {
          pairs.put(pair.group(1), pair.group(2) == null ? pair.group(3) : pair.group(2));
        }
      }
      return pairs;
    }

    /** The strings of the last instruction of a kind, which is written as JSON. */
    List<String> strings(String keyword) {
      try {
        return List.of(JSON.readValue(last(keyword), String[].class));
      } catch (JsonProcessingException e) {
        throw new UncheckedIOException(keyword + " is not a JSON array: " + last(keyword), e);
      }
    }
  }

  static Dockerfile read(Path file) throws IOException {
    return parse(Files.readString(file));
  }

  static Dockerfile parse(String text) {
    Map<String, String> arguments = new HashMap<>();
    List<Stage> stages = new ArrayList<>();
    String joined = text.replaceAll("(?m)^\\s*#.*\\R", "").replaceAll("\\\\\\R\\s*", " ");
    for (String line : joined.lines().map(String::strip).filter(l -> !l.isEmpty()).toList()) {
      String[] parts = line.split("\\s+", 2);
      if (parts[0].equals("FROM")) {
        Matcher from = FROM.matcher(parts[1]);
        if (!from.matches()) {
          throw new IllegalArgumentException("not understood: " + line);
        }
        String base =
            VARIABLE.matcher(from.group(1)).replaceAll(name -> arguments.get(name.group(1)));
        String name = from.group(2) == null ? "" : from.group(2);
        stages.add(new Stage(base, name, new ArrayList<>()));
      } else if (stages.isEmpty()) {
        String[] pair = parts[1].split("=", 2);
        arguments.put(pair[0], pair[1]);
      } else {
        stages.get(stages.size() - 1).instructions().add(new Instruction(parts[0], parts[1]));
      }
    }
    return new Dockerfile(arguments, stages);
  }

  /** The stage that becomes the image. */
  Stage image() {
    return stages.get(stages.size() - 1);
  }
}
