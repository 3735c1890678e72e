package io.fisherwatch.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A page of Markdown whose tables stand between marks, and are made again in place. */
final class MarkedPage {

  private final Path file;
  private String text;

  private MarkedPage(Path file, String text) {
    this.file = file;
    this.text = text;
  }

  /**
   * Reads a page.
   *
   * @throws UsageException if it is not there
   */
  static MarkedPage read(Path file) throws IOException, UsageException {
    if (!Files.isRegularFile(file)) {
      throw new UsageException(file + " is not there; --out names the folder that it is in");
    }
    return new MarkedPage(file, Files.readString(file));
  }

  /** What stands between the marks of a name. */
  String between(String name) throws UsageException {
    return text.substring(start(name), end(name)).strip();
  }

  /** Puts something between the marks of a name. */
  MarkedPage replace(String name, String content) throws UsageException {
    text =
        text.substring(0, start(name))
            + "\n"
            + content.strip()
            + "\n\n"
            + text.substring(end(name));
    return this;
  }

  void write() throws IOException {
    Files.writeString(file, text);
  }

  private int start(String name) throws UsageException {
    String mark = "<!-- " + name + " -->\n";
    int at = text.indexOf(mark);
    if (at < 0) {
      throw new UsageException(file + " has no place for '" + name + "'");
    }
    return at + mark.length();
  }

  private int end(String name) throws UsageException {
    int at = text.indexOf("<!-- end of " + name + " -->");
    if (at < start(name)) {
      throw new UsageException(file + " has no end of the place for '" + name + "'");
    }
    return at;
  }
}
