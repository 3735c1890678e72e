package io.fisherwatch.agent;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/** The folders under which events may name files, after all links have been followed. */
final class FileRoots {

  private final List<Path> roots;

  FileRoots(List<Path> roots) {
    this.roots = List.copyOf(roots);
  }

  /**
   * Finds a file.
   *
   * @param uri {@code file:///absolute/path}
   * @return its real path
   * @throws RejectedPathException if it is of another scheme, lies elsewhere or is no plain file
   */
  Path resolve(String uri) throws RejectedPathException {
    Path named = path(uri);
    Path real;
    try {
      // What lies outside is refused without telling whether it is there.
      if (!isUnderRoot(named.normalize(), false)) {
        throw outside(uri);
      }
      real = named.toRealPath();
    } catch (IOException e) {
      throw new RejectedPathException("file-not-found", uri + " is not there");
    }
    if (!isUnderRoot(real, true)) {
      throw outside(uri);
    }
    if (!Files.isRegularFile(real)) {
      throw new RejectedPathException("file-not-found", uri + " is no plain file");
    }
    return real;
  }

  private static Path path(String uri) throws RejectedPathException {
    try {
      URI parsed = new URI(uri);
      boolean local = parsed.getAuthority() == null || parsed.getAuthority().equals("localhost");
      if ("file".equals(parsed.getScheme()) && parsed.getPath() != null && local) {
        return Path.of(parsed.getPath());
      }
    } catch (URISyntaxException | InvalidPathException e) {
      throw new RejectedPathException(
          "unsupported-uri", "'" + uri + "' is no URI: " + e.getMessage());
    }
    throw new RejectedPathException(
        "unsupported-uri", "'" + uri + "' is not of the form file:///absolute/path");
  }

  private boolean isUnderRoot(Path path, boolean real) {
    return roots.stream()
        .anyMatch(root -> path.startsWith(real(root)) || (!real && path.startsWith(root)));
  }

  /** The real path of a root; a root that is not there holds nothing and may stay as it is. */
  private static Path real(Path root) {
    try {
      return root.toRealPath();
    } catch (IOException e) {
      return root;
    }
  }

  private RejectedPathException outside(String uri) {
    return new RejectedPathException(
        "file-outside-roots",
        uri
            + " does not lie under the configured roots "
            + roots
            + "; add its folder to files.roots");
  }
}
