package io.fisherwatch.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.fisherwatch.observability.Tool;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The stack of containers, held to its specification, to our rules for containers and to itself.
 */
class ComposeTest {

  private static final Path FOLDER = Path.of("deploy/compose");

  /** Those that cannot be read-only say why in compose.yaml. */
  private static final Set<String> WRITABLE_ROOT = Set.of("kafka");

  private final JsonNode compose = read();

  private static JsonNode read() {
    try {
      return Yaml.read(FOLDER.resolve("compose.yaml"));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private Iterable<Map.Entry<String, JsonNode>> services() {
    return compose.path("services").properties();
  }

  private static Schema schema() throws IOException {
    try (InputStream in = ComposeTest.class.getResourceAsStream("/deploy/compose-spec.json")) {
      return SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2019_09).getSchema(in);
    }
  }

  @Test
  void stack_keepsTheSpecification() throws Exception {
    ObjectNode known = compose.deepCopy();
    known.remove("name"); // younger than the schema
    assertThat(schema().validate(known)).isEmpty();
    ((ObjectNode) known.at("/services/agent")).put("restrat", "always");
    assertThat(schema().validate(known)).isNotEmpty();
  }

  @Test
  void ports_arePublishedToThisMachineOnly() {
    for (var service : services()) {
      for (String port : Yaml.strings(service.getValue().path("ports"))) {
        assertThat(port).as(service.getKey()).startsWith("127.0.0.1:");
      }
      assertThat(service.getValue().has("network_mode")).as(service.getKey()).isFalse();
    }
  }

  @Test
  void services_haveNoPrivilegesAndALimitOfMemory() {
    for (var entry : services()) {
      String name = entry.getKey();
      JsonNode service = entry.getValue();
      assertThat(service.path("read_only").asBoolean())
          .as(name)
          .isEqualTo(!WRITABLE_ROOT.contains(name));
      assertThat(Yaml.strings(service.path("cap_drop"))).as(name).containsExactly("ALL");
      assertThat(Yaml.strings(service.path("security_opt")))
          .as(name)
          .contains("no-new-privileges:true");
      assertThat(service.has("cap_add") || service.has("privileged")).as(name).isFalse();
      assertThat(service.has("mem_limit") || name.equals("topics")).as(name).isTrue();
    }
  }

  @Test
  void images_arePinnedOrBuiltHere() {
    Set<String> built = new TreeSet<>();
    for (var entry : services()) {
      JsonNode build = entry.getValue().path("build");
      if (build.isObject()) {
        built.add(entry.getValue().path("image").asText());
        Path context = FOLDER.resolve(build.path("context").asText());
        assertThat(context.resolve(build.path("dockerfile").asText())).isRegularFile();
      }
    }
    for (var entry : services()) {
      String image = entry.getValue().path("image").asText();
      if (!built.contains(image)) {
        assertThat(image).matches("[a-z/-]+:(?!latest)[v0-9.]+@sha256:[0-9a-f]{64}");
      }
    }
  }

  @Test
  void mounts_areThere_andVolumesDeclared() {
    for (var entry : services()) {
      for (String mount : Yaml.strings(entry.getValue().path("volumes"))) {
        String source = mount.split(":", -1)[0];
        if (source.startsWith(".")) {
          assertThat(FOLDER.resolve(source)).as(entry.getKey()).exists();
          assertThat(mount).as(entry.getKey()).endsWith(":ro");
        } else {
          assertThat(compose.path("volumes").has(source)).as(mount).isTrue();
        }
      }
    }
  }

  @Test
  void waiting_forHealth_isForServicesThatTellIt() throws Exception {
    String dockerfile = Files.readString(Path.of("deploy/docker/Dockerfile"));
    for (var entry : services()) {
      for (var needed : entry.getValue().path("depends_on").properties()) {
        JsonNode service = compose.path("services").path(needed.getKey());
        assertThat(service.isObject()).as(needed.getKey()).isTrue();
        if (needed.getValue().path("condition").asText().equals("service_healthy")) {
          boolean tells =
              service.has("healthcheck")
                  || (needed.getKey().equals("agent") && dockerfile.contains("HEALTHCHECK"));
          assertThat(tells).as("%s waits for %s", entry.getKey(), needed.getKey()).isTrue();
        }
      }
    }
  }

  /** The trainer writes what the agent reads, at one path, since events name files by it. */
  @Test
  void store_isSharedAtOnePath_readOnlyForTheAgent() throws Exception {
    JsonNode services = compose.path("services");
    assertThat(Yaml.strings(services.at("/agent/volumes"))).contains("checkpoints:/ckpt:ro");
    assertThat(Yaml.strings(services.at("/trainer/volumes"))).containsExactly("checkpoints:/ckpt");
    assertThat(services.at("/trainer/environment/STORE").asText()).isEqualTo("/ckpt");
    JsonNode agent = Yaml.read(Path.of("deploy/docker/root/etc/fisherwatch/agent.yaml"));
    assertThat(Yaml.strings(agent.at("/files/roots"))).containsExactly("/ckpt");
    Dockerfile.Stage trainer = Dockerfile.read(FOLDER.resolve("trainer/Dockerfile")).image();
    Dockerfile.Stage ours = Dockerfile.read(Path.of("deploy/docker/Dockerfile")).image();
    assertThat(trainer.last("USER")).isEqualTo(ours.last("USER"));
  }

  @Test
  void configuration_ofPrometheusAndAlertmanager_isWhatTheScriptMakes(@TempDir Path made)
      throws Exception {
    Tool.Ended ended =
        Tool.find("python3")
            .run(
                "src/main/python/tools/make_rules.py",
                "--out",
                made.toString(),
                "--set",
                "agent=agent:8088",
                "--set",
                "alertmanager=alertmanager:9093",
                "--set",
                "webhook=http://alerts:9099/alerts");
    assertThat(ended.status()).as(ended.output()).isZero();
    for (String file : new String[] {"prometheus.yaml", "alertmanager.yaml"}) {
      assertThat(FOLDER.resolve(file)).hasSameTextualContentAs(made.resolve(file));
    }
  }

  @Test
  void datasource_differsFromTheOneOfOneMachine_inItsAddress() throws Exception {
    JsonNode ours = Yaml.read(FOLDER.resolve("grafana/prometheus.yaml"));
    JsonNode theirs = Yaml.read(Path.of("grafana/provisioning/datasources/prometheus.yaml"));
    ((ObjectNode) theirs.at("/datasources/0")).put("url", "http://prometheus:9090");
    assertThat(ours).isEqualTo(theirs);
  }

  @Test
  void scripts_ofTheTrainer_compile() throws Exception {
    for (String script : new String[] {"train.py", "alerts.py"}) {
      Tool.Ended ended =
          Tool.find("python3")
              .run(
                  "-c",
                  "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')",
                  FOLDER.resolve("trainer").resolve(script).toString());
      assertThat(ended.status()).as(ended.output()).isZero();
    }
  }
}
