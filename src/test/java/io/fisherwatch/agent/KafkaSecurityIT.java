package io.fisherwatch.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.kafka.KafkaEventSink;
import io.fisherwatch.kafka.KafkaSettings;
import io.fisherwatch.security.SecureBroker;
import io.fisherwatch.security.SecureBroker.Door;
import io.fisherwatch.security.TestCertificates;
import io.fisherwatch.security.TestCertificates.Signed;
import io.fisherwatch.security.TokenServer;
import io.fisherwatch.web.SecretHash;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Agents that must prove themselves to the broker, and the broker to them, with everything logged
 * that can be: those that may, consume; the others say what is wrong, and nobody tells a secret.
 */
@Timeout(180)
class KafkaSecurityIT {

  private static final String PASSWORD = "scram-Pa55-distinctive";
  private static final String WRONG = "scram-wrong-distinctive";
  private static final String CLIENT_SECRET = "oauth-53cret-distinctive";
  private static final SecretHash TOKEN_HASH = SecretHash.of("web-token-distinctive");
  private static final String SCRAM =
      "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"agent\""
          + " password=\"%s\";";
  private static final String OAUTH = "org.apache.kafka.common.security.oauthbearer.";

  private static final String TRACE =
      """
      logging:
        levels:
          root: TRACE
          org.apache.kafka: TRACE
          org.apache.kafka.clients.NetworkClient: TRACE
          org.apache.kafka.common.security.oauthbearer.internals.secured.HttpJwtRetriever: TRACE
      """;

  @TempDir private static Path folder;
  private static TestCertificates certificates;
  private static Signed agentKey;
  private static TokenServer tokens;
  private static SecureBroker broker;
  private static Recorded recorded;

  @BeforeAll
  static void start() throws Exception {
    certificates = new TestCertificates(folder.resolve("certificates"));
    agentKey = certificates.sign("agent", "dns:agent");
    tokens = new TokenServer("agent", CLIENT_SECRET);
    broker = new SecureBroker(folder.resolve("broker"), certificates, tokens);
    broker.addUser("agent", PASSWORD);
    recorded = new Recorded(Files.createDirectories(folder.resolve("checkpoints")).toRealPath());
    KafkaSettings kafka =
        new KafkaSettings(broker.at(Door.PLAINTEXT), "training-events", "dlq", "any", Map.of());
    try (KafkaEventSink sink = new KafkaEventSink(kafka)) {
      recorded.publish(sink, 30, 2);
    }
  }

  @AfterAll
  static void stop() throws IOException {
    broker.close();
    tokens.close();
  }

  private static Path secret(String name, String value) throws IOException {
    return Files.writeString(folder.resolve(name), value + "\n");
  }

  private static Map<String, String> tls(String protocol) {
    Map<String, String> properties = new LinkedHashMap<>();
    properties.put("security.protocol", protocol);
    properties.put("ssl.truststore.type", "PEM");
    properties.put("ssl.truststore.location", certificates.authority().toString());
    return properties;
  }

  private static Map<String, String> scram(String password) throws IOException {
    Map<String, String> properties = tls("SASL_SSL");
    properties.put("sasl.mechanism", "SCRAM-SHA-512");
    Path file = secret("jaas-" + password.hashCode(), SCRAM.formatted(password));
    properties.put("sasl.jaas.config", "${file:" + file + "}");
    return properties;
  }

  private static Map<String, String> certificate(Signed signed) {
    Map<String, String> properties = tls("SSL");
    properties.put("ssl.keystore.type", "PEM");
    properties.put("ssl.keystore.key", "${file:" + signed.key() + "}");
    properties.put("ssl.keystore.certificate.chain", "${file:" + signed.certificate() + "}");
    return properties;
  }

  private static Map<String, String> oauth(String clientSecret) throws IOException {
    Map<String, String> properties = tls("SASL_SSL");
    properties.put("sasl.mechanism", "OAUTHBEARER");
    properties.put("sasl.login.callback.handler.class", OAUTH + "OAuthBearerLoginCallbackHandler");
    properties.put("sasl.oauthbearer.token.endpoint.url", tokens.url("/token"));
    properties.put("sasl.oauthbearer.client.credentials.client.id", "agent");
    Path file = secret("client-" + clientSecret.hashCode(), clientSecret);
    properties.put("sasl.oauthbearer.client.credentials.client.secret", "${file:" + file + "}");
    properties.put("sasl.jaas.config", OAUTH + "OAuthBearerLoginModule required;");
    return properties;
  }

  private static AgentProcess agent(
      String name, Door door, Map<String, String> properties, boolean traced) throws Exception {
    StringBuilder more = new StringBuilder("properties:\n");
    properties.forEach((key, value) -> more.append("    %s: '%s'%n".formatted(key, value)));
    String yaml =
        AgentProcess.yaml(broker.at(door), recorded, folder.resolve(name), Map.of())
            .replace("properties:\n", more);
    AgentProcess agent = new AgentProcess(folder, name, yaml + (traced ? TRACE : ""));
    agent.reconfigure(
        text ->
            text
                + "  auth:\n    openPaths: [/metrics, /readyz]\n    tokenHash: "
                + TOKEN_HASH.text()
                + "\n");
    agent.start();
    return agent;
  }

  private static void consumes(AgentProcess agent) throws Exception {
    agent.awaitEvents(recorded.all());
    for (int i = 0; i < 500 && ready(agent).statusCode() != 200; i++) {
      Thread.sleep(20);
    }
    assertThat(ready(agent).statusCode()).isEqualTo(200);
    assertThat(agent.get("/api/runs").statusCode()).isEqualTo(401);
    tellsNoSecret(agent);
  }

  private static HttpResponse<byte[]> ready(AgentProcess agent) throws Exception {
    return agent.get("/readyz");
  }

  /** It is not ready, says why once in its log, and lives on. */
  private static void saysOnce(AgentProcess agent, String why) throws Exception {
    agent.awaitLog(why);
    Thread.sleep(3_000); // enough for it to try again
    HttpResponse<byte[]> ready = ready(agent);
    assertThat(ready.statusCode()).isEqualTo(503);
    assertThat(new String(ready.body(), StandardCharsets.UTF_8)).contains(why);
    assertThat(agent.isAlive()).isTrue();
    List<String> warnings =
        agent.log().lines().filter(line -> line.matches("[0-9:]+ (WARN|ERROR) .*")).toList();
    assertThat(warnings).as("what it says").filteredOn(line -> line.contains(why)).hasSize(1);
    assertThat(warnings).as("and nothing else").allMatch(line -> line.contains("SourceHealth"));
    agent.reconfigure(text -> text + TRACE);
    agent.awaitLog("Config values"); // the first of a try, before it speaks to the broker
    agent.awaitLog(" TRACE ");
    tellsNoSecret(agent);
  }

  private static void tellsNoSecret(AgentProcess agent) throws Exception {
    String log = agent.log();
    assertThat(log).as("everything is logged").contains(" TRACE ").contains("Config values");
    for (String line : Files.readString(agentKey.key()).lines().skip(1).limit(2).toList()) {
      assertThat(log).as("the key").doesNotContain(line);
    }
    for (String secret : List.of(PASSWORD, WRONG, CLIENT_SECRET, TOKEN_HASH.hash())) {
      assertThat(leaks(log, secret)).as(secret).isEmpty();
    }
    if (!tokens.lastToken().isEmpty()) {
      String signature = tokens.lastToken().replaceFirst(".*\\.", "");
      assertThat(leaks(log, signature)).as("a token").isEmpty();
    }
  }

  private static List<String> leaks(String log, String secret) {
    return log.lines().filter(line -> line.contains(secret)).limit(3).toList();
  }

  @Test
  void scram_rightPassword_consumes() throws Exception {
    try (AgentProcess agent = agent("scram", Door.SCRAM, scram(PASSWORD), true)) {
      consumes(agent);
    }
  }

  @Test
  void certificate_ofTheAuthority_consumes() throws Exception {
    try (AgentProcess agent = agent("tls", Door.CERTIFICATE, certificate(agentKey), true)) {
      consumes(agent);
    }
  }

  @Test
  void oauth_rightSecret_consumes() throws Exception {
    try (AgentProcess agent = agent("oauth", Door.OAUTH, oauth(CLIENT_SECRET), true)) {
      consumes(agent);
    }
  }

  @Test
  void scram_wrongPassword_isSaidOnce() throws Exception {
    try (AgentProcess agent = agent("wrong", Door.SCRAM, scram(WRONG), false)) {
      saysOnce(agent, "refuses our credentials; correct sasl.* in kafka.properties");
    }
  }

  @Test
  void oauth_wrongSecret_isSaidOnce() throws Exception {
    try (AgentProcess agent = agent("refused", Door.OAUTH, oauth(WRONG), false)) {
      saysOnce(agent, "there is nothing to log in to Kafka with; correct sasl.* in");
    }
  }

  @Test
  void certificate_missing_isSaidOnce() throws Exception {
    try (AgentProcess agent = agent("nameless", Door.CERTIFICATE, tls("SSL"), false)) {
      saysOnce(agent, "does not take our certificate, or that there is none");
    }
  }

  @Test
  void broker_ofAnotherAuthority_isSaidOnce() throws Exception {
    TestCertificates others = new TestCertificates(folder.resolve("others"));
    Map<String, String> properties = scram(PASSWORD);
    properties.put("ssl.truststore.location", others.authority().toString());
    try (AgentProcess agent = agent("untrusting", Door.SCRAM, properties, false)) {
      saysOnce(agent, "has a certificate of an authority that we do not trust");
    }
  }

  @Test
  void broker_ofAnotherName_isSaidOnce() throws Exception {
    try (AgentProcess agent = agent("misnamed", Door.MISNAMED, tls("SSL"), false)) {
      saysOnce(agent, "has a certificate for another name");
    }
  }

  @Test
  void properties_thatCannotBeUsed_endItWithOneLine() throws Exception {
    Map<String, String> missing = tls("SSL");
    missing.put("ssl.truststore.location", "/nowhere/ca.pem");
    Map<String, String> malformed = scram(PASSWORD);
    malformed.put(
        "sasl.jaas.config", "ScramLoginModule required password=" + WRONG + " " + PASSWORD);
    int number = 0;
    for (Map<String, String> properties : List.of(missing, malformed)) {
      try (AgentProcess agent = agent("unusable-" + number++, Door.SCRAM, properties, true)) {
        assertThat(agent.await()).isEqualTo(1);
        assertThat(agent.log().lines().filter(line -> line.startsWith("fisherwatch: ")))
            .singleElement()
            .asString()
            .startsWith("fisherwatch: kafka.properties cannot be used: ")
            .containsAnyOf("/nowhere/ca.pem", "the JAAS entry is malformed");
        tellsNoSecret(agent);
      }
    }
  }
}
