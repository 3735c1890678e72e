package io.fisherwatch.config;

import java.util.List;

/** A configuration with mistakes: all of them, a line each. */
public final class ConfigException extends Exception {

  private static final long serialVersionUID = 1L;

  private final transient List<String> mistakes;

  public ConfigException(List<String> mistakes) {
    super(String.join("\n", mistakes));
    this.mistakes = List.copyOf(mistakes);
  }

  @Override
  public String getMessage() {
    return String.join("\n", mistakes);
  }

  /** Each names the key, the value found and the values accepted. */
  public List<String> mistakes() {
    return mistakes;
  }
}
