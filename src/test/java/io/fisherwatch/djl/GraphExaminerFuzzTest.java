package io.fisherwatch.djl;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.runtime.ModelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Damaged archives are refused with one kind of exception, or pass: never worse. */
@Timeout(120)
class GraphExaminerFuzzTest {

  private static final int ARCHIVES = 1_500;
  private static final Set<String> CODES =
      Set.of("bad-graph", "untrusted-graph", "graph-too-large");
  private static final List<String> PIECES =
      List.of(
          "torch.save(",
          "ops.",
          "__torch__",
          "getattr(x, ",
          "\"",
          "'",
          "\\",
          "#",
          ".",
          "(",
          "\n",
          "c",
          "X",
          "\u0000",
          "..",
          "def f",
          "class C:\n",
          ": ",
          "1e",
          "while ",
          "CONSTANTS");

  @TempDir private Path folder;

  @Test
  void copyExamined_mutatedArchives_givesCopyOrModelException() throws Exception {
    Random random = new Random(20261124);
    int refused = 0;
    for (int i = 0; i < ARCHIVES; i++) {
      Map<String, byte[]> entries =
          Archives.entries(
              Archives.MODELS.resolve(i % 2 == 0 ? "scripted/graph.pt" : "mlp/graph.pt"));
      if (random.nextBoolean()) {
        mutateEntry(entries, random);
      }
      byte[] bytes = Archives.bytes(entries);
      if (random.nextBoolean()) {
        mutate(bytes, random);
      }
      Path graph = Files.write(folder.resolve("graph.pt"), bytes);
      try {
        GraphExaminer.copyExamined(graph, folder.resolve("copy.pt"), 1 << 20);
      } catch (ModelException e) {
        refused++;
        assertThat(CODES).contains(e.code());
      } catch (Throwable e) {
        throw new AssertionError("archive " + i + " gave " + e, e);
      }
    }
    assertThat(refused).isBetween(ARCHIVES / 4, ARCHIVES - ARCHIVES / 10);
  }

  private static void mutateEntry(Map<String, byte[]> entries, Random random) {
    List<String> names = List.copyOf(entries.keySet());
    List<String> texts =
        names.stream().filter(name -> name.endsWith(".py") || name.endsWith("pkl")).toList();
    String name = texts.get(random.nextInt(texts.size()));
    byte[] content = entries.get(name).clone();
    byte[] piece =
        PIECES
            .get(random.nextInt(PIECES.size()))
            .getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    int at = random.nextInt(content.length);
    byte[] longer = java.util.Arrays.copyOf(content, content.length + piece.length);
    System.arraycopy(content, at, longer, at + piece.length, content.length - at);
    System.arraycopy(piece, 0, longer, at, piece.length);
    entries.put(name, longer);
  }

  private static void mutate(byte[] bytes, Random random) {
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      // half of them at the end, where the list of entries is
      int at =
          random.nextBoolean()
              ? random.nextInt(bytes.length)
              : bytes.length - 1 - random.nextInt(Math.min(800, bytes.length));
      bytes[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : 0xff * random.nextInt(2));
    }
  }
}
