package io.fisherwatch.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fisherwatch.demo.EmbeddedBroker;
import io.fisherwatch.observability.Tool;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The image's layers as {@code mvn -Pimage verify} packs them: what is in them, that the Dockerfile
 * says the same, and that they run on a read-only root.
 */
@Timeout(120)
class ImageIT {

  private static final Path MODEL = Path.of("src/test/resources/models/bad");
  private static final Pattern FOREIGN =
      Pattern.compile(
          ".*/(kafka_2|kafka-server|kafka-metadata|kafka-raft|scala-|junit|assertj|archunit|client-java|"
              + "openshift-|pytorch-native|pytorch-jni).*");

  @TempDir private static Path root;
  private static ImageTar image;
  private static Dockerfile.Stage dockerfile;

  @BeforeAll
  static void unpack() throws IOException {
    String tar = System.getProperty("fisherwatch.image");
    assumeTrue(tar != null, "needs an image: mvn -Pimage verify -Dit.test=ImageIT");
    image = ImageTar.unpack(Path.of(tar), root);
    dockerfile = Dockerfile.read(Path.of("deploy/docker/Dockerfile")).image();
  }

  private static Set<String> files() {
    return image.entries().values().stream()
        .filter(TarArchiveEntry::isFile)
        .map(TarArchiveEntry::getName)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void layers_holdNoBrokerNoTestsAndOnePlatformsEngine() {
    assertThat(files()).noneMatch(file -> FOREIGN.matcher(file).matches());
    assertThat(files().stream().filter(file -> !file.endsWith(".jar")))
        .containsExactlyInAnyOrder(
            "ckpt/README",
            "etc/fisherwatch/agent.yaml",
            "var/lib/fisherwatch/README",
            "opt/fisherwatch/torch/libc10.so",
            "opt/fisherwatch/torch/libdjl_torch.so",
            "opt/fisherwatch/torch/libgomp-98b21ff3.so.1",
            "opt/fisherwatch/torch/libtorch.so",
            "opt/fisherwatch/torch/libtorch_cpu.so");
  }

  @Test
  void classPath_ofTheJar_isTheFolderBesideIt() throws Exception {
    try (JarFile jar = new JarFile(root.resolve("opt/fisherwatch/fisherwatch.jar").toFile())) {
      String classPath = jar.getManifest().getMainAttributes().getValue(Attributes.Name.CLASS_PATH);
      assertThat(files().stream().filter(file -> file.startsWith("opt/fisherwatch/lib/")))
          .containsExactlyInAnyOrderElementsOf(
              Stream.of(classPath.split(" "))
                  .map(jarFile -> "opt/fisherwatch/" + jarFile)
                  .toList());
    }
  }

  @Test
  void files_inTheImage_areRootsAndOnlyTheVolumeIsWritable() {
    image
        .entries()
        .forEach(
            (path, entry) -> {
              int mode = path.equals("var/lib/fisherwatch") ? 0777 : entry.isFile() ? 0644 : 0755;
              assertThat(entry.getMode() & 07777).as(path).isEqualTo(mode);
              assertThat(entry.getLongUserId()).as(path).isZero();
            });
  }

  @Test
  void configuration_ofTheImage_isTheDockerfiles() {
    JsonNode config = image.config().path("config");
    assertThat(config.path("User").asText()).isEqualTo(dockerfile.last("USER"));
    assertThat(config.path("WorkingDir").asText()).isEqualTo(dockerfile.last("WORKDIR"));
    assertThat(strings(config.path("Entrypoint"))).isEqualTo(dockerfile.strings("ENTRYPOINT"));
    assertThat(strings(config.path("Cmd"))).isEqualTo(dockerfile.strings("CMD"));
    assertThat(config.path("ExposedPorts").fieldNames())
        .toIterable()
        .containsExactly(dockerfile.last("EXPOSE") + "/tcp");
    assertThat(config.path("Volumes").fieldNames())
        .toIterable()
        .containsExactlyInAnyOrderElementsOf(dockerfile.strings("VOLUME"));
    Map<String, String> environment = new TreeMap<>();
    for (String pair : strings(config.path("Env"))) {
      environment.put(pair.split("=", 2)[0], pair.split("=", 2)[1]);
    }
    assertThat(environment).isEqualTo(dockerfile.pairs("ENV"));
    Map<String, String> labels = new TreeMap<>();
    config.path("Labels").properties().forEach(e -> labels.put(e.getKey(), e.getValue().asText()));
    assertThat(labels).containsAllEntriesOf(dockerfile.pairs("LABEL"));
  }

  /** Where the Dockerfile's COPY instructions put what the build makes. */
  @Test
  void files_ofTheDockerfile_areTheImages() throws Exception {
    Set<String> copied = new TreeSet<>();
    for (Dockerfile.Instruction instruction : dockerfile.instructions()) {
      if (!instruction.keyword().equals("COPY")) {
        continue;
      }
      List<String> words = new ArrayList<>(List.of(instruction.rest().split("\\s+")));
      words.removeIf(word -> word.startsWith("--"));
      Path source = Path.of(words.get(0).replaceFirst("^/src/", ""));
      Path target = Path.of(words.get(1).substring(1));
      try (Stream<Path> files = Files.walk(source)) {
        files
            .filter(Files::isRegularFile)
            .map(file -> target.resolve(source.relativize(file)).normalize().toString())
            .forEach(copied::add);
      }
    }
    assertThat(copied).isEqualTo(files());
  }

  @Test
  void engine_onAReadOnlyRoot_estimates() throws Exception {
    Tool.Ended ended =
        contained("estimate", "--graph", "/ckpt/graph.pt", "--batch", "/ckpt/batch.safetensors");
    assertThat(ended.status()).as(ended.output()).isZero();
    String json = ended.output().substring(ended.output().indexOf('{'));
    assertThat(new ObjectMapper().readTree(json).findValue("layers")).isNotNull();
  }

  /**
   * As in Dockerfile.cuda, with the CPU's PyTorch in the place of the base image's: what joins it
   * to Java lies in a cache that cannot be written to.
   */
  @Test
  void engine_ofTheBaseImage_isJoinedFromAReadOnlyCache() throws Exception {
    Path torch = root.resolve("opt/fisherwatch/torch");
    Path base = Files.createDirectories(root.resolve("opt/base/torch/lib"));
    try (Stream<Path> libraries = Files.list(torch)) {
      for (Path library : libraries.filter(l -> !l.endsWith("libdjl_torch.so")).toList()) {
        Files.createLink(base.resolve(library.getFileName()), library);
      }
    }
    String joining =
        Dockerfile.read(Path.of("deploy/docker/Dockerfile.cuda")).image().instructions().stream()
            .map(Dockerfile.Instruction::rest)
            .filter(rest -> rest.contains("image-cuda/libdjl_torch.so"))
            .map(rest -> rest.replaceFirst(".*\\s/", "").replace("cu128", "cpu"))
            .findFirst()
            .orElseThrow();
    Path cached = root.resolve(joining);
    Files.createDirectories(cached.getParent());
    Files.createLink(cached, torch.resolve("libdjl_torch.so"));
    Map<String, String> environment =
        Map.of(
            "PYTORCH_LIBRARY_PATH", "/opt/base/torch/lib",
            "ENGINE_CACHE_DIR", "/opt/fisherwatch/engine");
    List<String> arguments =
        List.of("estimate", "--graph", "/ckpt/graph.pt", "--batch", "/ckpt/batch.safetensors");
    Tool.Ended ended =
        Tool.find("unshare").run(command(environment, arguments).toArray(String[]::new));
    assertThat(ended.status()).as(ended.output()).isZero();
  }

  @Test
  void broker_inTheImage_isNotThere() throws Exception {
    Tool.Ended ended = contained("broker");
    assertThat(ended.status()).as(ended.output()).isEqualTo(2);
    assertThat(ended.output()).contains("needs the embedded broker");
  }

  @Test
  void agent_onAReadOnlyRoot_isHealthyAndEndsWhenTold(@TempDir Path data) throws Exception {
    try (EmbeddedBroker broker =
        EmbeddedBroker.start(0, Files.createDirectory(data.resolve("b")))) {
      int port;
      try (ServerSocket socket = new ServerSocket(0)) {
        port = socket.getLocalPort();
      }
      Path log = data.resolve("log");
      List<String> command =
          command(
              Map.of(
                  "FISHERWATCH_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers(),
                  "FISHERWATCH_WEB_PORT", Integer.toString(port)),
              dockerfile.strings("CMD"));
      Process agent = Tool.find("unshare").serve(log, command.toArray(String[]::new));
      try {
        String url = "http://127.0.0.1:" + port + "/readyz";
        Tool java = Tool.find("java");
        String jar = root.resolve("opt/fisherwatch/fisherwatch.jar").toString();
        int health = 1;
        for (int attempt = 0; attempt < 40 && health != 0 && agent.isAlive(); attempt++) {
          health = java.run("-jar", jar, "health", "--url", url).status();
        }
        assertThat(health).as(Files.readString(log)).isZero();
        agent.destroy();
        assertThat(agent.waitFor(25, TimeUnit.SECONDS)).as("ends within its grace").isTrue();
        // The JVM's own: the signal, told after everything was closed.
        assertThat(agent.exitValue()).as(Files.readString(log)).isEqualTo(143);
      } finally {
        agent.destroyForcibly();
      }
    }
  }

  private static Tool.Ended contained(String... arguments) throws Exception {
    return Tool.find("unshare").run(command(Map.of(), List.of(arguments)).toArray(String[]::new));
  }

  /** What the image's entry point would be given, in a namespace of its own. */
  private static List<String> command(Map<String, String> environment, List<String> arguments)
      throws Exception {
    assumeTrue(
        Tool.find("unshare").run("-m", "true").status() == 0,
        "needs a mount namespace of its own: root, on a machine that allows it");
    assumeTrue("root".equals(System.getProperty("user.name")), "needs root, for a mount namespace");
    List<String> command =
        new ArrayList<>(
            List.of(
                "-m",
                "src/test/deploy/read-only-root",
                root.toString(),
                MODEL.toAbsolutePath().toString()));
    command.add("env");
    for (String pair : strings(image.config().at("/config/Env"))) {
      command.add(pair);
    }
    environment.forEach((name, value) -> command.add(name + "=" + value));
    command.addAll(strings(image.config().at("/config/Entrypoint")));
    command.addAll(arguments);
    return command;
  }

  private static List<String> strings(JsonNode array) {
    List<String> strings = new ArrayList<>();
    array.forEach(element -> strings.add(element.asText()));
    return strings;
  }
}
