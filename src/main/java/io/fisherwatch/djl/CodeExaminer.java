package io.fisherwatch.djl;

import io.fisherwatch.djl.CodeTokens.Kind;
import io.fisherwatch.djl.CodeTokens.Token;
import io.fisherwatch.djl.CodeTokens.UnreadableCodeException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads the code of a graph and refuses whatever is not a harmless computation.
 *
 * <p>TorchScript reaches the engine's operators by name only: {@code torch.f(…)}, {@code
 * ops.space.f(…)}, and {@code x.f(…)} on a tensor. So every name behind a dot is looked up, whether
 * it is called or not, for {@code f = torch.save} would give it another name: it must be a harmless
 * operator, or a name that the graph's own classes declare and that is no operator at all. The
 * spaces {@code torch}, {@code ops}, {@code __torch__} and {@code CONSTANTS} may not stand alone,
 * for the same reason. Loops without a counter are refused: the one run in a child process would
 * not tell whether they end on other data.
 */
final class CodeExaminer {

  private static final Set<String> NEVER =
      Set.of("print", "fork", "awaitable", "while", "import", "exec", "eval", "open", "lambda");

  /** Bounds what is looked at around one name, and so the time that any code takes. */
  private static final int LONGEST_PATH = 64;

  private static final int LONGEST_CALL = 256;

  private static final String BUILT_IN_CLASSES = "__torch__.torch.classes";

  /** Fields and methods that every class, enumeration and namespace of the graph has. */
  private static final Set<String> COMMON = Set.of("__new__", "name", "value");

  private final Operators operators = Operators.load();
  private final Map<String, List<Token>> files = new HashMap<>();
  private final Set<String> declared = new HashSet<>();
  private final Set<String> qualified = new HashSet<>();

  /**
   * Takes a file of code.
   *
   * @param module its name with dots, {@code __torch__.networks}
   */
  void add(String module, String code) throws UnreadableCodeException {
    List<Token> tokens = CodeTokens.of(code);
    files.put(module, tokens);
    for (int i = 0; i + 1 < tokens.size(); i++) {
      Token token = tokens.get(i);
      Token next = tokens.get(i + 1);
      boolean defines = token.isName("def") || token.isName("class");
      if (defines && next.kind() == Kind.NAME) {
        declared.add(next.text());
        qualified.add(module + "." + next.text());
      } else if (token.kind() == Kind.NAME && next.is(":")) {
        declared.add(token.text());
      } else if (token.isName("__annotations__") && i + 2 < tokens.size()) {
        declared.add(tokens.get(i + 2).text());
      }
    }
  }

  /** What is wrong with the code taken, if anything is. */
  Optional<String> fault() {
    for (Map.Entry<String, List<Token>> file : files.entrySet()) {
      List<Token> tokens = file.getValue();
      for (int i = 0; i < tokens.size(); i++) {
        Token token = tokens.get(i);
        String fault = token.kind() == Kind.NAME ? faultOf(tokens, i) : null;
        if (fault != null) {
          return Optional.of(file.getKey() + ", line " + token.line() + ": " + fault);
        }
      }
    }
    return Optional.empty();
  }

  private @Nullable String faultOf(List<Token> tokens, int i) {
    String name = tokens.get(i).text();
    boolean behindDot = i > 0 && tokens.get(i - 1).is(".");
    if (behindDot) {
      return isSpace(tokens, i - 2) || isKnown(name) ? null : unknown(tokens, i);
    }
    if (NEVER.contains(name)) {
      return "'" + name + "' is not for a graph that is not trusted";
    }
    return switch (name) {
      case "torch", "CONSTANTS" -> alone(tokens, i);
      case "ops" -> isPrimitive(tokens, i) ? null : unknown(tokens, Math.min(i + 4, last(tokens)));
      case "__torch__" -> classFault(tokens, i);
      case "getattr", "hasattr" -> attributeFault(tokens, i);
      default -> null;
    };
  }

  private boolean isKnown(String name) {
    return operators.isHarmless(name)
        || (!operators.isRefused(name) && (declared.contains(name) || COMMON.contains(name)));
  }

  /** Whether what stands before a dot is checked as a whole from its first name on. */
  private static boolean isSpace(List<Token> tokens, int before) {
    if (before < 0) {
      return false;
    }
    Token space = tokens.get(before);
    if (space.isName("ops") || space.isName("CONSTANTS")) {
      return before == 0 || !tokens.get(before - 1).is(".");
    }
    return inClassName(tokens, before);
  }

  /** Whether a name belongs to a path that begins with {@code __torch__}. */
  private static boolean inClassName(List<Token> tokens, int i) {
    int first = i;
    while (first >= 2 && tokens.get(first - 1).is(".") && isName(tokens, first - 2)) {
      first -= 2;
      if (i - first > 2 * LONGEST_PATH) {
        return false;
      }
    }
    return tokens.get(first).isName("__torch__");
  }

  /** {@code __torch__.a.b.C}, and then perhaps {@code .__new__}: of the graph's own classes. */
  private @Nullable String classFault(List<Token> tokens, int i) {
    StringBuilder path = new StringBuilder(tokens.get(i).text());
    String longest = null;
    for (int at = i; at + 2 <= last(tokens) && tokens.get(at + 1).is("."); at += 2) {
      if (!isName(tokens, at + 2)) {
        break;
      }
      if (at - i > 2 * LONGEST_PATH) {
        return path + "… has too many parts";
      }
      String name = tokens.get(at + 2).text();
      if (longest != null && !isKnown(name)) {
        return unknown(tokens, at + 2);
      }
      path.append('.').append(name);
      longest = qualified.contains(path.toString()) ? path.toString() : longest;
    }
    if (longest == null || path.toString().startsWith(BUILT_IN_CLASSES)) {
      return path + " is no class or function of the graph's own code";
    }
    return null;
  }

  private @Nullable String attributeFault(List<Token> tokens, int i) {
    int depth = 0;
    for (int at = i + 1; at <= Math.min(last(tokens), i + LONGEST_CALL); at++) {
      Token token = tokens.get(at);
      depth += token.is("(") || token.is("[") ? 1 : token.is(")") || token.is("]") ? -1 : 0;
      if (depth == 0) {
        break;
      }
      if (depth == 1 && token.is(",")) {
        boolean plain =
            at + 2 <= last(tokens)
                && tokens.get(at + 1).kind() == Kind.TEXT
                && tokens.get(at + 2).is(")");
        return plain && isKnown(tokens.get(at + 1).text()) ? null : unknown(tokens, at + 1);
      }
    }
    return tokens.get(i).text() + " without the name of an attribute of the graph's own classes";
  }

  private boolean isPrimitive(List<Token> tokens, int i) {
    return i + 4 <= last(tokens)
        && tokens.get(i + 1).is(".")
        && (tokens.get(i + 2).isName("prim") || tokens.get(i + 2).isName("aten"))
        && tokens.get(i + 3).is(".")
        && operators.isHarmless(tokens.get(i + 4).text());
  }

  private static @Nullable String alone(List<Token> tokens, int i) {
    boolean followed = i + 2 <= last(tokens) && tokens.get(i + 1).is(".") && isName(tokens, i + 2);
    return followed ? null : "'" + tokens.get(i).text() + "' may not be passed around";
  }

  private static String unknown(List<Token> tokens, int i) {
    return "'"
        + tokens.get(Math.min(i, last(tokens))).text()
        + "' is neither a harmless operator nor a name of the graph's own classes";
  }

  private static boolean isName(List<Token> tokens, int i) {
    return tokens.get(i).kind() == Kind.NAME;
  }

  private static int last(List<Token> tokens) {
    return tokens.size() - 1;
  }
}
