package io.fisherwatch.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileRootsTest {

  @TempDir private Path folder;
  private Path root;
  private Path outside;
  private FileRoots roots;

  @BeforeEach
  void lay() throws Exception {
    root = Files.createDirectory(folder.resolve("root"));
    outside = Files.writeString(folder.resolve("outside.pt"), "x");
    Files.writeString(root.resolve("in.pt"), "x");
    Files.createSymbolicLink(root.resolve("link.pt"), outside);
    roots = new FileRoots(List.of(root));
  }

  private String code(String uri) {
    return catchThrowableOfType(RejectedPathException.class, () -> roots.resolve(uri)).code();
  }

  @Test
  void resolve_fileUnderARoot_isFound() throws Exception {
    assertThat(roots.resolve(root.resolve("in.pt").toUri().toString()))
        .isEqualTo(root.resolve("in.pt").toRealPath());
  }

  @Test
  void resolve_anythingElse_isRefused() {
    assertThat(code(outside.toUri().toString())).isEqualTo("file-outside-roots");
    assertThat(code("file://" + root + "/../outside.pt")).isEqualTo("file-outside-roots");
    assertThat(code(root.resolve("link.pt").toUri().toString())).isEqualTo("file-outside-roots");
    assertThat(code(root.resolve("none.pt").toUri().toString())).isEqualTo("file-not-found");
    assertThat(code(root.toUri().toString())).isEqualTo("file-not-found");
    assertThat(code("https://example.org/x.pt")).isEqualTo("unsupported-uri");
    assertThat(code("in.pt")).isEqualTo("unsupported-uri");
    assertThat(code("file://other.example" + root + "/in.pt")).isEqualTo("unsupported-uri");
  }
}
