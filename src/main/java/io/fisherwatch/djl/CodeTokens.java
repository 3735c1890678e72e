package io.fisherwatch.djl;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts the text of a graph's code into tokens, as PyTorch's own lexer does. What that lexer could
 * read in another way than this one is refused: text in several lines, comments, continued lines,
 * anything but ASCII. Exporters write none of these.
 */
final class CodeTokens {

  /** What a token is. */
  enum Kind {
    NAME,
    TEXT,
    NUMBER,
    SIGN
  }

  /**
   * A piece of code.
   *
   * @param text as it stands there; of a text what is between the quotes
   * @param line counted from 1
   */
  record Token(Kind kind, String text, int line) {

    boolean is(String sign) {
      return kind == Kind.SIGN && text.equals(sign);
    }

    boolean isName(String name) {
      return kind == Kind.NAME && text.equals(name);
    }
  }

  /** Code that cannot be read, with the line. */
  static final class UnreadableCodeException extends Exception {
    private static final long serialVersionUID = 1L;

    UnreadableCodeException(int line, String what) {
      super("line " + line + " holds " + what);
    }
  }

  // possessive throughout: no input makes these go back
  private static final Pattern TOKEN =
      Pattern.compile(
          "(?<name>[A-Za-z_][A-Za-z0-9_]*+)"
              + "|(?<number>[0-9]++(?:\\.[0-9]*+)?+(?:[eE][+-]?+[0-9]++)?+j?+)"
              + "|\"(?<double>(?:[^\"\\\\\n]|\\\\[^\n])*+)\"(?!\")"
              + "|'(?<single>(?:[^'\\\\\n]|\\\\[^\n])*+)'(?!')"
              + "|(?<space>[ \\t\\r\\n]++)"
              + "|(?<sign>[(){}\\[\\],:.=+*/%<>!&|^~@;-])");

  private CodeTokens() {}

  /** All tokens of a file of code. */
  static List<Token> of(String code) throws UnreadableCodeException {
    List<Token> tokens = new ArrayList<>();
    Matcher matcher = TOKEN.matcher(code);
    int line = 1;
    for (int at = 0; at < code.length(); at = matcher.end()) {
      matcher.region(at, code.length());
      if (!matcher.lookingAt()) {
        throw new UnreadableCodeException(
            line, "'" + shown(code.charAt(at)) + "', which no exporter writes there");
      }
      String name = matcher.group("name");
      if (name != null) {
        tokens.add(new Token(Kind.NAME, name, line));
      } else if (matcher.group("space") != null) {
        line += (int) matcher.group().chars().filter(c -> c == '\n').count();
      } else if (matcher.group("number") != null) {
        tokens.add(new Token(Kind.NUMBER, matcher.group(), line));
      } else if (matcher.group("sign") != null) {
        tokens.add(new Token(Kind.SIGN, matcher.group(), line));
      } else {
        String text =
            matcher.group("double") != null ? matcher.group("double") : matcher.group("single");
        tokens.add(new Token(Kind.TEXT, text, line));
      }
    }
    return tokens;
  }

  private static String shown(char c) {
    return c > ' ' && c < 127 ? String.valueOf(c) : "character " + (int) c;
  }
}
