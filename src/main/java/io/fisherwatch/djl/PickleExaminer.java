package io.fisherwatch.djl;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Walks through a pickle without building anything and refuses instructions and classes that
 * PyTorch's exporter does not write. The engine's own unpickler runs no Python, but it makes
 * objects of whatever class a pickle names.
 */
final class PickleExaminer {

  private static final Set<String> GLOBALS =
      Set.of(
          "collections OrderedDict",
          "builtins complex",
          "torch device",
          "torch.jit._pickle restore_type_tag",
          "torch.jit._pickle build_intlist",
          "torch.jit._pickle build_tensorlist",
          "torch.jit._pickle build_doublelist",
          "torch.jit._pickle build_boollist",
          "torch.jit._pickle build_tensor_from_id",
          "torch._utils _rebuild_tensor_v2",
          "torch._utils _rebuild_parameter",
          "torch._tensor _rebuild_from_type_v2");

  private static final Pattern STORAGE = Pattern.compile("torch [A-Z][A-Za-z0-9]{0,20}Storage");
  private static final Pattern OWN_CLASS = Pattern.compile("__torch__[A-Za-z0-9_.]* \\w+");
  private static final int LONGEST_GLOBAL = 1_000;

  private final byte[] pickle;
  private int at;

  private PickleExaminer(byte[] pickle) {
    this.pickle = pickle;
  }

  /** What is wrong with a pickle, if anything is. */
  static Optional<String> fault(byte[] pickle) {
    String text = new String(pickle, StandardCharsets.ISO_8859_1);
    if (text.contains("torch.classes")) {
      return Optional.of("it names a class that is built into the engine (torch.classes)");
    }
    PickleExaminer examiner = new PickleExaminer(pickle);
    try {
      while (true) {
        int from = examiner.at;
        int code = examiner.next();
        if (code == '.') {
          return Optional.empty();
        }
        Optional<String> fault = examiner.instruction(code);
        if (fault.isPresent()) {
          return fault.map(what -> "byte " + from + ": " + what);
        }
      }
    } catch (IndexOutOfBoundsException e) {
      return Optional.of("it ends in the middle of an instruction");
    }
  }

  private int next() {
    return pickle[at++] & 0xff;
  }

  private Optional<String> instruction(int code) {
    switch (code) {
      case '(',
          ')',
          '}',
          ']',
          't',
          'u',
          's',
          'e',
          'a',
          'R',
          'b',
          'N',
          'Q',
          0x81,
          0x85,
          0x86,
          0x87,
          0x88,
          0x89 -> {
        // marks, containers, calls of what the globals allow, constants: no argument
      }
      case 'K', 'q', 'h', 0x80 -> skip(1);
      case 'M' -> skip(2);
      case 'J', 'r', 'j' -> skip(4);
      case 'G' -> skip(8);
      case 0x8a -> skip(next()); // a long of so many bytes
      case 'X', 'B', 'T' -> skip(length());
      case 'c' -> {
        return global(line() + " " + line());
      }
      default -> {
        return Optional.of("instruction 0x%02x, which no exporter writes".formatted(code));
      }
    }
    return Optional.empty();
  }

  private Optional<String> global(String name) {
    boolean known =
        GLOBALS.contains(name)
            || STORAGE.matcher(name).matches()
            || OWN_CLASS.matcher(name).matches();
    return known ? Optional.empty() : Optional.of("it asks for " + printable(name));
  }

  private void skip(long bytes) {
    if (bytes < 0 || bytes > pickle.length - at) {
      throw new IndexOutOfBoundsException();
    }
    at += (int) bytes;
  }

  private long length() {
    long length = 0;
    for (int i = 0; i < 4; i++) {
      length |= (long) next() << (8 * i);
    }
    return length;
  }

  private String line() {
    int from = at;
    while (next() != '\n') {
      if (at - from > LONGEST_GLOBAL) {
        return "a name of more than " + LONGEST_GLOBAL + " bytes";
      }
    }
    return new String(pickle, from, at - 1 - from, StandardCharsets.ISO_8859_1);
  }

  private static String printable(String name) {
    return name.replaceAll("[^ -~]", "?");
  }
}
