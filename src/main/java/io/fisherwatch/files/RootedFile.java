package io.fisherwatch.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.util.Set;

/**
 * Opens a file below a folder, step by step from that folder, following no link. So a folder or a
 * file that is exchanged for a link after its path was checked is not followed out of the folder.
 */
final class RootedFile {

  private RootedFile() {}

  /**
   * Opens a file for reading.
   *
   * @param root a real path
   * @param file a real path below it
   * @throws IOException if it is not there, not a plain file, or a link stands in the way
   */
  static FileChannel open(Path root, Path file) throws IOException {
    try (DirectoryStream<Path> folder = Files.newDirectoryStream(root)) {
      if (folder instanceof SecureDirectoryStream<Path> secure) {
        return descend(secure, root.relativize(file));
      }
    }
    // no such thing on Windows, where links need a privilege
    return FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
  }

  private static FileChannel descend(SecureDirectoryStream<Path> folder, Path rest)
      throws IOException {
    Path name = rest.getName(0);
    if (rest.getNameCount() > 1) {
      try (SecureDirectoryStream<Path> next =
          folder.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS)) {
        return descend(next, rest.subpath(1, rest.getNameCount()));
      }
    }
    boolean plain =
        folder
            .getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            .readAttributes()
            .isRegularFile();
    if (!plain) {
      throw new IOException("it is no plain file any more");
    }
    SeekableByteChannel channel =
        folder.newByteChannel(name, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
    if (channel instanceof FileChannel file) {
      return file;
    }
    channel.close();
    throw new IOException("this file system gives no channel of a file");
  }
}
