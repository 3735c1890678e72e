package io.fisherwatch.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fisherwatch.agent.ConfigLoader;
import io.fisherwatch.observability.Tool;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DockerfileTest {

  private static final Path FOLDER = Path.of("deploy");

  private static Dockerfile read(String file) throws Exception {
    return Dockerfile.read(FOLDER.resolve(file));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"docker/Dockerfile", "docker/Dockerfile.cuda", "compose/trainer/Dockerfile"})
  void dockerfile_ofOurs_keepsTheRules(String file) throws Exception {
    assertThat(DockerfileRules.mistakes(read(file))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "FROM ${BASE} | FROM debian:12 | not pinned",
        "FROM ${BASE} | FROM debian:latest@sha256:%s | not pinned",
        "USER 1000:1000 | USER root | numeric user",
        "USER 1000:1000 | USER 0:0 | numeric user",
        "RUN true | ADD https://example.org/x /x | ADD",
        "RUN true | RUN curl https://example.org | by hand",
        "RUN true | RUN pip install torch | pip's cache",
        "RUN true | RUN apt-get install -y x | apt's lists",
        "RUN true | COPY --from=nowhere /x /x | no stage",
        "RUN true | ENV API_TOKEN=x | secrets",
        "[\"x\"] | x | no JSON array"
      })
  void rule_broken_isNamed(String line, String broken, String mistake) {
    String digest = "0".repeat(64);
    String good =
        """
        ARG BASE=debian:12@sha256:%s
        FROM ${BASE}
        RUN true
        USER 1000:1000
        ENTRYPOINT ["x"]
        """
            .formatted(digest);
    assertThat(DockerfileRules.mistakes(Dockerfile.parse(good))).isEmpty();
    assertThat(good).contains(line);
    String bad = good.replace(line, broken.formatted(digest));
    assertThat(DockerfileRules.mistakes(Dockerfile.parse(bad)))
        .singleElement()
        .asString()
        .contains(mistake);
  }

  /** What a build copies from the repository is there, and is sent to it. */
  @ParameterizedTest
  @ValueSource(
      strings = {"docker/Dockerfile", "docker/Dockerfile.cuda", "compose/trainer/Dockerfile"})
  void sources_ofABuild_areThereAndNotIgnored(String file) throws Exception {
    List<String> ignore = Files.readAllLines(FOLDER.resolve(file + ".dockerignore"));
    assertThat(ignore).contains("*");
    for (Dockerfile.Stage stage : read(file).stages()) {
      for (Dockerfile.Instruction instruction : stage.instructions()) {
        if (!instruction.keyword().equals("COPY") || instruction.rest().contains("--from=")) {
          continue;
        }
        List<String> words =
            Stream.of(instruction.rest().split("\\s+")).filter(w -> !w.startsWith("--")).toList();
        for (String source : words.subList(0, words.size() - 1)) {
          assertThat(Path.of(source)).exists();
          assertThat(ignore).anyMatch(line -> sends(line, Path.of(source)));
        }
      }
    }
  }

  private static boolean sends(String line, Path source) {
    String glob = "glob:" + line.substring(1) + "{,/**}";
    return line.startsWith("!") && FileSystems.getDefault().getPathMatcher(glob).matches(source);
  }

  /** The images differ in their engine, and in nothing else that can be seen from outside. */
  @Test
  void images_ofCpuAndGpu_agree() throws Exception {
    Dockerfile.Stage cpu = read("docker/Dockerfile").image();
    Dockerfile.Stage gpu = read("docker/Dockerfile.cuda").image();
    for (String keyword :
        List.of(
            "USER",
            "WORKDIR",
            "VOLUME",
            "EXPOSE",
            "STOPSIGNAL",
            "HEALTHCHECK",
            "ENTRYPOINT",
            "CMD")) {
      assertThat(gpu.last(keyword)).as(keyword).isNotEmpty().isEqualTo(cpu.last(keyword));
    }
    assertThat(gpu.pairs("LABEL")).isEqualTo(cpu.pairs("LABEL"));
    Set<String> differing = new TreeSet<>();
    Map<String, String> ofCpu = cpu.pairs("ENV");
    gpu.pairs("ENV")
        .forEach(
            (name, value) -> {
              if (!value.equals(ofCpu.get(name))) {
                differing.add(name);
              }
            });
    assertThat(differing)
        .containsExactly(
            "ENGINE_CACHE_DIR",
            "JAVA_HOME",
            "NVIDIA_TF32_OVERRIDE",
            "PATH",
            "PYTORCH_FLAVOR",
            "PYTORCH_LIBRARY_PATH");
  }

  @Test
  void versions_ofTheEngine_areThoseOfThePom() throws Exception {
    String pom = Files.readString(Path.of("pom.xml"));
    String torch = property(pom, "pytorch.version");
    Dockerfile.Stage gpu = read("docker/Dockerfile.cuda").image();
    assertThat(read("docker/Dockerfile").image().pairs("ENV"))
        .containsEntry("PYTORCH_VERSION", torch);
    assertThat(gpu.pairs("ENV")).containsEntry("PYTORCH_VERSION", torch);
    assertThat(gpu.base()).startsWith("pytorch/pytorch:" + torch + "-cuda12.8-");
    assertThat(gpu.instructions().toString())
        .contains(
            "/opt/fisherwatch/engine/pytorch/"
                + torch
                + "-cu128-linux-x86_64/"
                + property(pom, "djl.version")
                + "-libdjl_torch.so");
  }

  private static String property(String pom, String name) {
    return pom.replaceFirst("(?s).*<" + name + ">([^<]*)<.*", "$1");
  }

  @Test
  void configuration_inTheImage_isValid() throws Exception {
    var config =
        ConfigLoader.load(FOLDER.resolve("docker/root/etc/fisherwatch/agent.yaml"), Map.of());
    assertThat(config.web().host()).isEqualTo("0.0.0.0");
    Dockerfile.Stage image = read("docker/Dockerfile").image();
    assertThat(image.last("EXPOSE")).isEqualTo(Integer.toString(config.web().port()));
    assertThat(image.strings("VOLUME")).contains("/var/lib/fisherwatch");
    assertThat(
            new YAMLMapper()
                .readTree(FOLDER.resolve("docker/root/etc/fisherwatch/agent.yaml").toFile())
                .at("/state/directory")
                .asText())
        .startsWith("/var/lib/fisherwatch/");
  }

  /** With a registry that answers what a file says. */
  @Test
  void pinning_writesTheDigestsOfTheRegistry(@TempDir Path folder) throws Exception {
    Path deploy = Files.createDirectories(folder.resolve("deploy/docker")).getParent();
    Files.createDirectories(deploy.resolve("compose/trainer"));
    for (String file :
        List.of(
            "docker/pin.sh",
            "docker/Dockerfile",
            "docker/Dockerfile.cuda",
            "compose/compose.yaml",
            "compose/trainer/Dockerfile")) {
      Files.copy(FOLDER.resolve(file), deploy.resolve(file));
    }
    String digest = "sha256:" + "a".repeat(64);
    Path docker = Files.createDirectory(folder.resolve("bin")).resolve("docker");
    Files.writeString(docker, "#!/bin/sh\necho " + digest + "\n");
    assertThat(docker.toFile().setExecutable(true)).isTrue();
    Tool shell = Tool.find("bash");
    String path = "PATH=" + folder.resolve("bin") + ":$PATH " + deploy.resolve("docker/pin.sh");
    assertThat(shell.run("-c", path + " --check").status()).isEqualTo(1);
    Tool.Ended pinned = shell.run("-c", path);
    assertThat(pinned.status()).as(pinned.output()).isZero();
    for (Dockerfile.Stage stage :
        Dockerfile.read(deploy.resolve("docker/Dockerfile.cuda")).stages()) {
      assertThat(stage.base()).endsWith(digest);
    }
    assertThat(shell.run("-c", path + " --check").status()).isZero();
  }
}
