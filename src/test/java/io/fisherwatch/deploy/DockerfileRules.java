package io.fisherwatch.deploy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** What we ask of our Dockerfiles. */
final class DockerfileRules {

  private static final Pattern PINNED =
      Pattern.compile("[a-z0-9./-]+:(?!latest@)[\\w.-]+@sha256:[0-9a-f]{64}");
  private static final Pattern NUMERIC_USER = Pattern.compile("[1-9]\\d{3,}:[1-9]\\d{3,}");
  private static final Pattern SECRET = Pattern.compile("(?i)password|secret|token");
  private static final Pattern FETCHES = Pattern.compile("\\b(curl|wget|sudo)\\b");
  private static final Pattern COPIED_FROM = Pattern.compile("--from=(\\S+)");

  private DockerfileRules() {}

  /** What is wrong with one, in words. */
  static List<String> mistakes(Dockerfile file) {
    List<String> mistakes = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (Dockerfile.Stage stage : file.stages()) {
      if (!PINNED.matcher(stage.base()).matches()) {
        mistakes.add("the base " + stage.base() + " is not pinned by tag and digest");
      }
      for (Dockerfile.Instruction instruction : stage.instructions()) {
        check(instruction, names, mistakes);
      }
      names.add(stage.name());
    }
    Dockerfile.Stage image = file.image();
    if (!NUMERIC_USER.matcher(image.last("USER")).matches()) {
      mistakes.add("USER " + image.last("USER") + " is not a numeric user and group, not root");
    }
    if (!image.last("ENTRYPOINT").startsWith("[")) {
      mistakes.add("ENTRYPOINT is no JSON array: a shell would swallow signals");
    }
    return mistakes;
  }

  private static void check(
      Dockerfile.Instruction instruction, Set<String> names, List<String> mistakes) {
    String rest = instruction.rest();
    switch (instruction.keyword()) {
      case "ADD" -> mistakes.add("ADD " + rest + ": COPY says what it does");
      case "ENV", "ARG" -> {
        if (SECRET.matcher(rest).find()) {
          mistakes.add(instruction.keyword() + " " + rest + ": secrets stay in the image");
        }
      }
      case "RUN" -> {
        if (FETCHES.matcher(rest).find()) {
          mistakes.add("RUN " + rest + " fetches by hand");
        }
        if (rest.contains("pip install") && !rest.contains("--no-cache-dir")) {
          mistakes.add("RUN " + rest + " keeps pip's cache");
        }
        if (rest.contains("apt-get install") && !rest.contains("rm -rf /var/lib/apt/lists")) {
          mistakes.add("RUN " + rest + " keeps apt's lists");
        }
      }
      case "COPY" -> {
        var from = COPIED_FROM.matcher(rest);
        if (from.find() && !names.contains(from.group(1))) {
          mistakes.add("COPY " + rest + " names no stage before it");
        }
      }
      default -> {
        // nothing is asked of the others
      }
    }
  }
}
