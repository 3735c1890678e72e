package io.fisherwatch.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.RejectedEventException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens between the check of a path and its opening does not matter. */
class RootedFileTest {

  @TempDir private Path folder;
  private Path root;
  private Path file;

  @BeforeEach
  void lay() throws Exception {
    root = Files.createDirectories(folder.toRealPath().resolve("root"));
    Files.createDirectories(root.resolve("a/b"));
    file = Files.writeString(root.resolve("a/b/in.pt"), "inside");
    Files.createDirectories(folder.resolve("outside/b"));
    Files.writeString(folder.resolve("outside/b/in.pt"), "outside");
  }

  private static String read(FileChannel channel) throws IOException {
    try (channel) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      FileRoots.copy(channel, out, 100);
      return out.toString(StandardCharsets.UTF_8);
    }
  }

  @Test
  void open_plainFile_isRead() throws Exception {
    assertThat(read(RootedFile.open(root, file))).isEqualTo("inside");
  }

  @Test
  void open_fileExchangedForALink_isRefused() throws Exception {
    Files.delete(file);
    Files.createSymbolicLink(file, folder.resolve("outside/b/in.pt"));
    assertThatThrownBy(() -> RootedFile.open(root, file)).isInstanceOf(IOException.class);
  }

  @Test
  void open_folderExchangedForALink_isRefused() throws Exception {
    Files.move(root.resolve("a"), root.resolve("gone"));
    Files.createSymbolicLink(root.resolve("a"), folder.resolve("outside"));
    assertThat(Files.readString(file)).isEqualTo("outside"); // whoever follows links is fooled
    assertThatThrownBy(() -> RootedFile.open(root, file)).isInstanceOf(IOException.class);
  }

  @Test
  void open_nameExchangedAfterwards_readsWhatWasOpened() throws Exception {
    FileChannel channel = RootedFile.open(root, file);
    Files.delete(file);
    Files.createSymbolicLink(file, folder.resolve("outside/b/in.pt"));
    assertThat(read(channel)).isEqualTo("inside");
  }

  @Test
  void open_ofTheRoots_refusesWhatIsTooLarge() throws Exception {
    FileRoots roots = new FileRoots(List.of(root));
    FileReference reference = new FileReference(file.toUri().toString(), Optional.empty());
    assertThat(read(roots.open(reference, "graph", 6, "files.maxGraphBytes"))).isEqualTo("inside");
    RejectedEventException e =
        catchThrowableOfType(
            RejectedEventException.class,
            () -> roots.open(reference, "graph", 5, "files.maxGraphBytes"));
    assertThat(e.code()).isEqualTo("graph-too-large");
    assertThat(e.getMessage()).contains("6 bytes", "files.maxGraphBytes allows 5");
  }
}
