package io.fisherwatch.files;

import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.RejectedEventException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/** The folders under which others may name files, after all links have been followed. */
public final class FileRoots {

  private final List<Path> roots;

  /** Roots that are not there hold nothing. */
  public FileRoots(List<Path> roots) {
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

  /**
   * Opens a file for reading, once.
   *
   * @throws RejectedPathException as {@link #resolve}
   * @throws IOException if it cannot be read
   */
  public FileChannel open(String uri) throws RejectedPathException, IOException {
    Path real = resolve(uri);
    return RootedFile.open(rootOf(real), real);
  }

  /**
   * Opens a file for reading, once: what is checked is what is read, whatever happens to its name
   * meanwhile.
   *
   * @param what it is, for messages and for the code: {@code graph}
   * @param mostBytes how long it may be
   * @param key of the configuration that says so
   * @throws RejectedEventException as {@link #resolve}, or {@code …-too-large}
   */
  public FileChannel open(FileReference reference, String what, long mostBytes, String key)
      throws RejectedEventException {
    try {
      FileChannel channel = open(reference.uri());
      long bytes = channel.size();
      if (bytes > mostBytes) {
        channel.close();
        throw new RejectedEventException(
            what + "-too-large",
            reference.uri() + " has " + bytes + " bytes; " + key + " allows " + mostBytes);
      }
      return channel;
    } catch (RejectedPathException e) {
      throw new RejectedEventException(e.code(), e.getMessage(), e);
    } catch (IOException e) {
      throw new RejectedEventException(
          "file-not-found", reference.uri() + " cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * Copies the rest of a file.
   *
   * @throws IOException if it has grown beyond what it may be, or cannot be copied
   */
  public static void copy(FileChannel in, OutputStream out, long mostBytes) throws IOException {
    InputStream bytes = Channels.newInputStream(in);
    byte[] chunk = new byte[1 << 16];
    long copied = 0;
    for (int read = bytes.read(chunk); read >= 0; read = bytes.read(chunk)) {
      copied += read;
      if (copied > mostBytes) {
        throw new IOException("it grew beyond " + mostBytes + " bytes while it was read");
      }
      out.write(chunk, 0, read);
    }
  }

  private Path rootOf(Path real) throws RejectedPathException {
    for (Path root : roots) {
      if (real.startsWith(real(root))) {
        return real(root);
      }
    }
    throw outside(real.toString());
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
