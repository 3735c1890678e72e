package io.fisherwatch.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fisherwatch.agent.AgentConfig;
import io.fisherwatch.agent.ConfigLoader;
import io.fisherwatch.observability.Tool;
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
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The chart in all its switches: what Kubernetes would say, and whether the pieces fit together.
 */
class ChartIT {

  private static final String CLAIM = "checkpoints.claim=ckpt";
  private static final String JOB = "job.image=example.org/training:1";
  private static final String SIDECAR = "mode=sidecar";
  private static final List<String> MONITORING =
      List.of(
          "monitor.enabled=true",
          "monitor.labels.release=prometheus",
          "rules.enabled=true",
          "dashboards.enabled=true");
  private static final List<String> EXTRAS =
      List.of(
          "image.digest=sha256:" + "a".repeat(64),
          "imagePullSecrets=[{\"name\":\"registry\"}]",
          "secrets=[{\"name\":\"kafka-credentials\",\"path\":\"/run/secrets/kafka\"}]",
          "config.kafka.properties={\"security.protocol\":\"SASL_SSL\","
              + "\"sasl.jaas.config\":\"${file:/run/secrets/kafka/jaas}\"}",
          "gpu.enabled=true",
          "podAnnotations.team=research",
          "nodeSelector.disk=fast",
          "tolerations=[{\"key\":\"nvidia.com/gpu\",\"operator\":\"Exists\"}]",
          "affinity={\"nodeAffinity\":{}}",
          "service.port=9088",
          "probeScheme=HTTPS");

  private static List<String> join(List<?>... parts) {
    return Stream.of(parts).flatMap(List::stream).map(Object::toString).toList();
  }

  static Stream<List<String>> switches() {
    return Stream.of(
        List.of(CLAIM),
        join(List.of(CLAIM), MONITORING),
        join(List.of(CLAIM), EXTRAS, MONITORING),
        List.of(CLAIM, "replicas=3", "state.accessMode=ReadWriteMany", "state.storageClass=shared"),
        List.of(CLAIM, "state.claim=kept", "podDisruptionBudget.enabled=false"),
        List.of(CLAIM, "networkPolicy.enabled=false"),
        List.of(
            CLAIM,
            "networkPolicy.from=[{\"namespaceSelector\":{\"matchLabels\":{\"name\":\"monitoring\"}}}]",
            "networkPolicy.kafka=[{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\"}}]",
            "networkPolicy.egress=[{\"ports\":[{\"protocol\":\"TCP\",\"port\":443}]}]"),
        List.of(SIDECAR, JOB),
        List.of(SIDECAR, JOB, CLAIM, "state.claim=kept", "job.ttlSecondsAfterFinished=0"),
        join(
            List.of(
                SIDECAR,
                JOB,
                "job.command=[\"python\"]",
                "job.args=[\"train.py\"]",
                "job.env=[{\"name\":\"EPOCHS\",\"value\":\"3\"}]",
                "job.resources.limits={\"memory\":\"8Gi\"}"),
            EXTRAS,
            MONITORING));
  }

  private static Chart render(List<String> values) throws Exception {
    return Chart.render(values.toArray(String[]::new));
  }

  @ParameterizedTest
  @MethodSource("switches")
  void objects_haveTheShapeThatKubernetesKnows(List<String> values) throws Exception {
    for (JsonNode object : render(values).objects()) {
      assertThat(KubernetesSchemas.mistake(object)).isEmpty();
      assertThat(object.at("/metadata/name").asText())
          .matches("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
    }
  }

  /**
   * The check above can fail: a field that is unknown, missing, or of another type, deep inside.
   */
  @Test
  void shape_thatIsWrong_isAMistake() throws Exception {
    Chart chart = render(join(List.of(CLAIM), MONITORING));
    JsonNode set = chart.one("StatefulSet");
    ((ObjectNode) set.at("/spec/template/spec/containers/0/livenessProbe")).put("periodSecs", 1);
    assertThat(KubernetesSchemas.mistake(set)).isPresent();
    JsonNode service = chart.one("Service");
    ((ObjectNode) service.at("/spec/ports/0")).remove("port");
    assertThat(KubernetesSchemas.mistake(service)).isPresent();
    JsonNode monitor = chart.one("ServiceMonitor");
    ((ObjectNode) monitor.at("/spec/endpoints/0")).put("intervall", "15s");
    assertThat(KubernetesSchemas.mistake(monitor)).isPresent();
    JsonNode rules = chart.one("PrometheusRule");
    ((ObjectNode) rules.at("/spec")).put("groups", "none");
    assertThat(KubernetesSchemas.mistake(rules)).isPresent();
  }

  @ParameterizedTest
  @MethodSource("switches")
  void pods_keepTheRestrictedProfile(List<String> values) throws Exception {
    Chart chart = render(values);
    JsonNode pod = chart.pod().path("spec");
    assertThat(pod.at("/securityContext/runAsNonRoot").asBoolean()).isTrue();
    assertThat(pod.at("/securityContext/runAsUser").asInt()).isEqualTo(10001);
    assertThat(pod.at("/securityContext/seccompProfile/type").asText()).isEqualTo("RuntimeDefault");
    assertThat(pod.path("automountServiceAccountToken").asBoolean(true)).isFalse();
    assertThat(pod.findValues("hostPath")).isEmpty();
    for (String host : List.of("hostNetwork", "hostPID", "hostIPC")) {
      assertThat(pod.has(host)).isFalse();
    }
    for (JsonNode container : chart.containers()) {
      JsonNode context = container.path("securityContext");
      assertThat(context.path("allowPrivilegeEscalation").asBoolean(true)).isFalse();
      assertThat(context.path("readOnlyRootFilesystem").asBoolean()).isTrue();
      assertThat(Yaml.strings(context.at("/capabilities/drop"))).containsExactly("ALL");
      assertThat(context.has("privileged") || context.at("/capabilities").has("add")).isFalse();
    }
    // Service links would arrive as FISHERWATCH_SERVICE_HOST, an unknown key of the configuration.
    assertThat(pod.path("enableServiceLinks").asBoolean(true)).isFalse();
    // The command line waits 25 s for the last state to be written.
    assertThat(pod.path("terminationGracePeriodSeconds").asInt()).isGreaterThan(25);
  }

  @ParameterizedTest
  @MethodSource("switches")
  void volumes_areMountedAndThere(List<String> values) throws Exception {
    Chart chart = render(values);
    Set<String> volumes = new TreeSet<>();
    Set<String> made = new TreeSet<>(List.of("ckpt", "kept"));
    chart.objects().forEach(object -> made.add(object.at("/metadata/name").asText()));
    for (JsonNode volume : chart.pod().at("/spec/volumes")) {
      volumes.add(volume.path("name").asText());
      for (String source : List.of("/configMap/name", "/persistentVolumeClaim/claimName")) {
        if (!volume.at(source).isMissingNode()) {
          assertThat(made).contains(volume.at(source).asText());
        }
      }
    }
    Set<String> mounted = new TreeSet<>();
    for (JsonNode container : chart.containers()) {
      container.path("volumeMounts").forEach(mount -> mounted.add(mount.path("name").asText()));
    }
    assertThat(mounted).isEqualTo(volumes);
    // What the image needs to write to, with a root that is read-only.
    assertThat(writable(chart.agent())).containsExactlyInAnyOrder("/var/lib/fisherwatch", "/tmp");
    assertThat(Dockerfile.read(Path.of("deploy/docker/Dockerfile")).image().strings("VOLUME"))
        .containsExactlyInAnyOrderElementsOf(writable(chart.agent()));
  }

  private static Set<String> writable(JsonNode container) {
    Set<String> paths = new TreeSet<>();
    for (JsonNode mount : container.path("volumeMounts")) {
      if (!mount.path("readOnly").asBoolean()) {
        paths.add(mount.path("mountPath").asText());
      }
    }
    return paths;
  }

  @ParameterizedTest
  @MethodSource("switches")
  void ports_andSelectors_match(List<String> values) throws Exception {
    Chart chart = render(values);
    JsonNode port = chart.agent().at("/ports/0");
    assertThat(port.path("name").asText()).isEqualTo("http");
    for (String probe : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
      JsonNode get = chart.agent().path(probe).path("httpGet");
      assertThat(get.path("port").asText()).isEqualTo("http");
      assertThat(get.path("path").asText())
          .isEqualTo(probe.startsWith("readi") ? "/readyz" : "/livez");
    }
    JsonNode labels = chart.pod().at("/metadata/labels");
    chart
        .of("StatefulSet")
        .forEach(set -> assertThat(chosen(set.at("/spec/selector/matchLabels"), labels)).isTrue());
    chart
        .of("Service")
        .forEach(
            service -> {
              assertThat(chosen(service.at("/spec/selector"), labels)).isTrue();
              assertThat(service.at("/spec/ports/0/targetPort").asText()).isEqualTo("http");
              assertThat(service.at("/spec/ports/0/port")).isEqualTo(port.path("containerPort"));
            });
    Stream.concat(chart.of("PodDisruptionBudget"), chart.of("PodMonitor"))
        .forEach(o -> assertThat(chosen(o.at("/spec/selector/matchLabels"), labels)).isTrue());
    chart
        .of("NetworkPolicy")
        .forEach(o -> assertThat(chosen(o.at("/spec/podSelector/matchLabels"), labels)).isTrue());
    chart
        .of("ServiceMonitor")
        .forEach(
            monitor -> {
              JsonNode service = chart.one("Service").at("/metadata/labels");
              assertThat(chosen(monitor.at("/spec/selector/matchLabels"), service)).isTrue();
              assertThat(service.path(monitor.at("/spec/jobLabel").asText()).asText())
                  .isEqualTo("fisherwatch");
              assertThat(monitor.at("/spec/endpoints/0/port").asText()).isEqualTo("http");
            });
  }

  private static boolean chosen(JsonNode selector, JsonNode labels) {
    return !selector.isEmpty()
        && selector.properties().stream()
            .allMatch(label -> label.getValue().equals(labels.path(label.getKey())));
  }

  @ParameterizedTest
  @MethodSource("switches")
  void configuration_isOneThatTheAgentTakes(List<String> values, @TempDir Path folder)
      throws Exception {
    Chart chart = render(values);
    Files.writeString(folder.resolve("name"), "fw-fisherwatch-0\n");
    Files.writeString(folder.resolve("jaas"), "secret\n");
    Path file = folder.resolve("agent.yaml");
    Files.writeString(
        file,
        chart
            .config()
            .replace("/etc/podinfo/", folder + "/")
            .replace("/run/secrets/kafka/", folder + "/"));
    AgentConfig config = ConfigLoader.load(file, Map.of());
    assertThat(config.web().host()).isEqualTo("0.0.0.0");
    assertThat(config.web().port()).isEqualTo(chart.agent().at("/ports/0/containerPort").asInt());
    String text = ConfigLoader.print(file, Map.of());
    assertThat(text).doesNotContain("secret\n");
    JsonNode printed = Yaml.documents(chart.config()).get(0);
    assertThat(Yaml.strings(printed.at("/files/roots"))).containsExactly("/ckpt");
    assertThat(printed.at("/state/directory").asText()).startsWith("/var/lib/fisherwatch/");
    assertThat(printed.has("device")).isEqualTo(values.contains("gpu.enabled=true"));
    assertThat(Yaml.strings(chart.agent().path("args")))
        .containsExactly("agent", "--config", "/etc/fisherwatch/agent.yaml");
    if (values.contains(SIDECAR)) {
      assertThat(printed.at("/kafka/topic").asText()).isEqualTo("training-events-fw-fisherwatch");
    }
  }

  @ParameterizedTest
  @MethodSource("switches")
  void agent_hasALimitOfMemory_andAGpuIfAsked(List<String> values) throws Exception {
    JsonNode agent = render(values).agent();
    boolean gpu = values.contains("gpu.enabled=true");
    assertThat(agent.at("/resources/limits/memory").asText()).isEqualTo("4Gi");
    assertThat(agent.at("/resources/limits").has("nvidia.com/gpu")).isEqualTo(gpu);
    String image = "fisherwatch:0.1.0" + (gpu ? "-cuda@sha256:" + "a".repeat(64) : "");
    assertThat(agent.path("image").asText()).isEqualTo(image);
  }

  @Test
  void sidecar_startsFirst_andDoesNotKeepTheJob() throws Exception {
    Chart chart = Chart.render(SIDECAR, JOB);
    JsonNode agent = chart.pod().at("/spec/initContainers/0");
    assertThat(agent.path("name").asText()).isEqualTo("agent");
    assertThat(agent.path("restartPolicy").asText()).isEqualTo("Always");
    JsonNode training = chart.pod().at("/spec/containers/0");
    assertThat(writable(training)).contains("/ckpt");
    assertThat(training.path("env").findValuesAsText("name"))
        .containsExactly("BOOTSTRAP_SERVERS", "TOPIC", "STORE", "AGENT", "RUN");
    assertThat(chart.of("Service")).isEmpty();
    assertThat(chart.of("NetworkPolicy")).isEmpty();
  }

  @Test
  void rules_inTheCluster_areOurs() throws Exception {
    ArrayNode groups =
        (ArrayNode) Yaml.read(Path.of("deploy/prometheus/recording.yaml")).path("groups");
    groups.addAll((ArrayNode) Yaml.read(Path.of("deploy/prometheus/alerts.yaml")).path("groups"));
    JsonNode rule = render(join(List.of(CLAIM), MONITORING)).one("PrometheusRule");
    assertThat(rule.at("/spec/groups")).isEqualTo(groups);
  }

  @Test
  void dashboards_inTheCluster_areOurs() throws Exception {
    Chart chart = render(join(List.of(CLAIM), MONITORING));
    try (Stream<Path> files = Files.list(Path.of("grafana"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".json")).toList()) {
        String name = file.getFileName().toString();
        assertThat(chart.of("ConfigMap").map(map -> map.path("data").path(name).asText()))
            .contains(Files.readString(file));
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mode=standalone | checkpoints.claim is missing",
        "mode=sidecar | job.image is missing",
        "checkpoints.claim=c,replicas=2 | ReadWriteMany",
        "mode=both | mode",
        "checkpoints.claim=c,image.tag=latest | tag",
        "checkpoints.claim=c,netwrokPolicy.enabled=true | netwrokPolicy"
      })
  void values_thatCannotBe_areRefused(String values, String reason) throws Exception {
    Tool.Ended ended = Chart.helm(values);
    assertThat(ended.status()).isNotZero();
    assertThat(Chart.withoutRemarks(ended.output())).contains(reason);
  }

  @Test
  void chart_isCleanToHelm() throws Exception {
    Tool.Ended ended =
        Tool.find("helm").run("lint", "--strict", Chart.FOLDER.toString(), "--set", CLAIM);
    assertThat(ended.status()).as(ended.output()).isZero();
  }

  @Test
  void scrapeConfiguration_withoutTheOperator_isValid(@TempDir Path folder) throws Exception {
    for (String file : List.of("recording.yaml", "alerts.yaml")) {
      Files.copy(Path.of("deploy/prometheus", file), folder.resolve(file));
    }
    // Debian builds its Prometheus without the discovery of Kubernetes.
    String text =
        Files.readString(Path.of("deploy/kubernetes/prometheus.yaml"))
            .replaceFirst(
                "(?s)kubernetes_sd_configs:.*?(?=\\R    \\w)",
                "static_configs: [{targets: [a:1]}]");
    Files.writeString(folder.resolve("prometheus.yaml"), text);
    String config = folder.resolve("prometheus.yaml").toString();
    Tool.Ended ended = Tool.find("promtool").run("check", "config", config);
    assertThat(ended.status()).as(ended.output()).isZero();
    assertThat(
            Yaml.read(folder.resolve("prometheus.yaml")).at("/scrape_configs/0/job_name").asText())
        .isEqualTo("fisherwatch");
  }
}
