package io.fisherwatch.djl;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What is changed in the text of a graph's code before it is loaded; what it computes stays.
 *
 * <p>Buffers (a batch norm's running statistics) must be replaced with the weights, but the
 * engine's Java interface lists parameters only: so every class lists its buffers among its
 * parameters, where they take no gradients.
 *
 * <p>An embedding's gradient has as many rows as the vocabulary, of which an example touches a few.
 * Where the embedded matrix is the module's own attribute it is asked for as a sparse gradient.
 *
 * <p>A graph that was traced on one device makes its tensors there; it is to make them where it
 * runs. One that was traced on a GPU and names the CPU besides means the CPU.
 */
final class GraphCode {

  /** The parameters and buffers that a class lists. */
  static final Pattern LISTS =
      Pattern.compile("  __parameters__ = \\[(.*?)\\]\n  __buffers__ = \\[(.+?)\\]\n");

  /** Weight, indices, index of padding, whether to scale by frequency, whether sparse. */
  private static final Pattern EMBEDDING =
      Pattern.compile(
          "torch\\.embedding\\((\\w+), (\\w+)(?:, (-?\\d+))?(?:, False)?(?:, False)?\\)");

  /** A trace names the device that it was made on wherever it makes a tensor. */
  private static final Pattern DEVICE =
      Pattern.compile("torch\\.device\\(\"((?:cpu|cuda|mps|xpu)(?::\\d+)?)\"\\)");

  private static final Pattern FUNCTION = Pattern.compile("(?m)^  def ");
  private static final Pattern ATTRIBUTE = Pattern.compile("(?m)^ +(\\w+) = self\\.\\w+$");

  private GraphCode() {}

  /** Whether code names no other device than the CPU. */
  static boolean namesHostOnly(String code) {
    return DEVICE.matcher(code).results().allMatch(named -> named.group(1).equals("cpu"));
  }

  /**
   * The code as it is to be loaded: the same object if there is nothing to change.
   *
   * @param onHost whether nothing in the archive names another device than the CPU
   * @param device where it is to run: {@code cpu}, {@code cuda:0}
   */
  static String prepared(String code, boolean onHost, String device) {
    String placed =
        DEVICE
            .matcher(code)
            .replaceAll(
                named ->
                    named.group(1).equals("cpu") && !onHost
                        ? named.group()
                        : "torch.device(\"" + device + "\")");
    String listed =
        LISTS.matcher(placed).replaceAll("  __parameters__ = [$1$2]\n  __buffers__ = []\n");
    if (!EMBEDDING.matcher(listed).find()) {
      return listed.equals(code) ? code : listed;
    }
    StringBuilder prepared = new StringBuilder();
    for (String function : functions(listed)) {
      prepared.append(sparse(function));
    }
    return prepared.toString();
  }

  private static List<String> functions(String code) {
    List<String> functions = new ArrayList<>();
    Matcher start = FUNCTION.matcher(code);
    int from = 0;
    while (start.find()) {
      functions.add(code.substring(from, start.start()));
      from = start.start();
    }
    functions.add(code.substring(from));
    return functions;
  }

  private static String sparse(String function) {
    Set<String> attributes = new HashSet<>();
    Matcher attribute = ATTRIBUTE.matcher(function);
    while (attribute.find()) {
      attributes.add(attribute.group(1));
    }
    return EMBEDDING
        .matcher(function)
        .replaceAll(
            call -> {
              if (!attributes.contains(call.group(1))) {
                return Matcher.quoteReplacement(call.group());
              }
              String padding = call.group(3) == null ? "-1" : call.group(3);
              return "torch.embedding(%s, %s, %s, False, True)"
                  .formatted(call.group(1), call.group(2), padding);
            });
  }
}
