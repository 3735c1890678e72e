package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fisherwatch.djl.Archives;
import io.fisherwatch.event.FileReference;
import io.fisherwatch.event.LogitsSelector;
import io.fisherwatch.event.RejectedEventException;
import io.fisherwatch.files.FileRoots;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Graphs that are not on the list: examined, and tried in a child process. */
@Timeout(240)
class GraphCacheIT {

  private static final Path MODELS = Path.of("src/test/resources/models");

  @TempDir private Path folder;
  private Path root;
  private FilesConfig config;

  @BeforeEach
  void lay() throws Exception {
    root = Files.createDirectory(folder.resolve("root"));
    FilesConfig defaults = ConfigLoader.defaults().files();
    config =
        new FilesConfig(
            List.of(root),
            FilesConfig.Graphs.EXAMINED,
            Set.of(),
            1 << 20,
            1 << 20,
            1 << 20,
            new FilesConfig.ProbeLimits(60, defaults.probe().memoryBytes() / 4));
  }

  private GraphCache cache(FilesConfig settings) throws Exception {
    return new GraphCache(
        Files.createTempDirectory(folder, "cache"), settings, new FileRoots(List.of(root)));
  }

  private static FileReference reference(Path file) throws Exception {
    return new FileReference(file.toUri().toString(), Optional.of(SafetensorsReader.sha256(file)));
  }

  private FileReference scripted(String line) throws Exception {
    return reference(Archives.graphWith(root.resolve("graph.pt"), line));
  }

  private static List<HostTensor> inputs() throws Exception {
    return List.of(
        SafetensorsReader.decode(
                Files.readAllBytes(MODELS.resolve("scripted/batch.safetensors")), "batch")
            .get("x"));
  }

  private RejectedEventException refusal(GraphCache cache, FileReference graph) throws Exception {
    GraphCache.Graph copy = cache.get(graph);
    List<HostTensor> inputs = inputs();
    return catchThrowableOfType(
        RejectedEventException.class,
        () -> cache.rehearse(copy.sha256(), LogitsSelector.FIRST, inputs));
  }

  @Test
  void harmlessGraph_isExaminedOnce() throws Exception {
    GraphCache cache = cache(config);
    FileReference graph = scripted("_9 = torch.tanh(x)");
    assertThat(refusal(cache, graph)).isNull();
    long start = System.nanoTime();
    assertThat(refusal(cache, graph)).isNull();
    assertThat((System.nanoTime() - start) / 1e9).as("seconds the second time").isLessThan(0.2);
  }

  @Test
  void graphThatDoesNotEnd_isRefusedForGood() throws Exception {
    FilesConfig hasty =
        new FilesConfig(
            config.roots(),
            config.graphs(),
            Set.of(),
            1 << 20,
            1 << 20,
            1 << 20,
            new FilesConfig.ProbeLimits(20, config.probe().memoryBytes()));
    GraphCache cache = cache(hasty);
    FileReference graph = scripted("for _9 in range(1000000000000):\n      x = torch.tanh(x)");
    RejectedEventException e = refusal(cache, graph);
    assertThat(e.code()).isEqualTo("graph-probe-failed");
    assertThat(e.getMessage()).contains("files.probe.seconds", "files.trustedGraphs");
    assertThat(catchThrowableOfType(RejectedEventException.class, () -> cache.get(graph)).code())
        .isEqualTo("graph-probe-failed");
  }

  @Test
  void graphThatEatsMemory_isRefused() throws Exception {
    FileReference graph =
        scripted(
            """
            _7 = [x]
                for _9 in range(1000000):
                  _8 = torch.append(_7, torch.ones([1000, 10000]))
                x = torch.add(x, torch.len(_7))""");
    RejectedEventException e = refusal(cache(config), graph);
    assertThat(e.code()).isEqualTo("graph-probe-failed");
    assertThat(e.getMessage()).contains("files.probe.memory");
  }

  @Test
  void graphThatFillsTheMemoryAtOnce_isRefused() throws Exception {
    RejectedEventException e =
        refusal(
            cache(config),
            scripted("x = torch.add(x, torch.mean(torch.ones([1000000, 10000000])))"));
    assertThat(e.getMessage()).contains("memory");
  }

  @Test
  void trustedGraph_isNotExamined_andOnlyThatWhereNothingElseIs() throws Exception {
    FileReference graph = scripted("_9 = torch.save(x, \"/tmp/x\")");
    FilesConfig trusting = config.with(config.roots(), graph.sha256().orElseThrow());
    GraphCache.Graph copy = cache(trusting).get(graph);
    assertThat(SafetensorsReader.sha256(copy.file())).isEqualTo(copy.sha256());
    RejectedEventException e =
        catchThrowableOfType(RejectedEventException.class, () -> cache(config).get(graph));
    assertThat(e.code()).isEqualTo("untrusted-graph");
    assertThat(e.getMessage()).contains("torch.save".substring(6), graph.sha256().orElseThrow());
    FilesConfig strict =
        new FilesConfig(
            config.roots(),
            FilesConfig.Graphs.TRUSTED_ONLY,
            Set.of(),
            1 << 20,
            1 << 20,
            1 << 20,
            config.probe());
    FileReference harmless =
        reference(Files.copy(MODELS.resolve("mlp/graph.pt"), root.resolve("m")));
    assertThat(
            catchThrowableOfType(RejectedEventException.class, () -> cache(strict).get(harmless))
                .code())
        .isEqualTo("untrusted-graph");
  }

  @Test
  void graphThatCannotBeLoaded_saysWhy() throws Exception {
    FileReference graph =
        reference(Files.copy(MODELS.resolve("bad/frozen.pt"), root.resolve("frozen.pt")));
    assertThat(
            catchThrowableOfType(RejectedEventException.class, () -> cache(config).get(graph))
                .code())
        .isEqualTo("frozen-graph");
  }
}
