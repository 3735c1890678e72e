package io.fisherwatch.security;

import io.fisherwatch.demo.EmbeddedBroker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;

/** The embedded broker behind every kind of door that Kafka has. */
public final class SecureBroker implements AutoCloseable {

  /** Its doors; PLAINTEXT is for the test itself. */
  public enum Door {
    PLAINTEXT("PLAINTEXT"),
    SCRAM("SASL_SSL"),
    CERTIFICATE("SSL"),
    OAUTH("SASL_SSL"),
    /** With a certificate for another host. */
    MISNAMED("SSL");

    private final String protocol;

    Door(String protocol) {
      this.protocol = protocol;
    }
  }

  private static final String OAUTH = "org.apache.kafka.common.security.oauthbearer.";

  private final Map<Door, Integer> ports = new EnumMap<>(Door.class);
  private final EmbeddedBroker broker;

  public SecureBroker(Path folder, TestCertificates certificates, TokenServer tokens)
      throws Exception {
    for (Door door : Door.values()) {
      ports.put(door, freePort());
    }
    System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.urls", tokens.url("/jwks"));
    broker = EmbeddedBroker.start(0, folder, properties(certificates, tokens));
  }

  private Map<String, String> properties(TestCertificates certificates, TokenServer tokens)
      throws Exception {
    String doors =
        Stream.of(Door.values())
            .map(door -> door + "://127.0.0.1:" + ports.get(door))
            .collect(Collectors.joining(","));
    int controller = freePort();
    Map<String, String> properties = new HashMap<>();
    properties.put("listeners", doors + ",CONTROLLER://127.0.0.1:" + controller);
    properties.put("advertised.listeners", doors);
    properties.put("controller.quorum.voters", "1@127.0.0.1:" + controller);
    properties.put("inter.broker.listener.name", "PLAINTEXT");
    properties.put(
        "listener.security.protocol.map",
        Stream.of(Door.values())
            .map(door -> door + ":" + door.protocol)
            .collect(Collectors.joining(",", "", ",CONTROLLER:PLAINTEXT")));
    keys(properties, "", certificates.sign("broker", "dns:localhost,ip:127.0.0.1"));
    keys(properties, "listener.name.misnamed.", certificates.sign("other", "dns:other.example"));
    properties.put("listener.name.certificate.ssl.client.auth", "required");
    properties.put("ssl.truststore.type", "PEM");
    properties.put("ssl.truststore.certificates", Files.readString(certificates.authority()));
    properties.put("listener.name.scram.sasl.enabled.mechanisms", "SCRAM-SHA-512");
    properties.put(
        "listener.name.scram.scram-sha-512.sasl.jaas.config",
        "org.apache.kafka.common.security.scram.ScramLoginModule required;");
    String oauth = "listener.name.oauth.";
    properties.put(oauth + "sasl.enabled.mechanisms", "OAUTHBEARER");
    properties.put(
        oauth + "oauthbearer.sasl.jaas.config", OAUTH + "OAuthBearerLoginModule required;");
    properties.put(
        oauth + "oauthbearer.sasl.server.callback.handler.class",
        OAUTH + "OAuthBearerValidatorCallbackHandler");
    properties.put(oauth + "sasl.oauthbearer.jwks.endpoint.url", tokens.url("/jwks"));
    properties.put(oauth + "sasl.oauthbearer.expected.audience", "kafka");
    return properties;
  }

  private static void keys(
      Map<String, String> properties, String prefix, TestCertificates.Signed signed)
      throws IOException {
    properties.put(prefix + "ssl.keystore.type", "PEM");
    properties.put(prefix + "ssl.keystore.key", Files.readString(signed.key()));
    properties.put(
        prefix + "ssl.keystore.certificate.chain", Files.readString(signed.certificate()));
  }

  /** Makes a user of SCRAM. */
  public void addUser(String name, String password) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", at(Door.PLAINTEXT)))) {
      ScramCredentialInfo info = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096);
      admin
          .alterUserScramCredentials(
              List.of(new UserScramCredentialUpsertion(name, info, password)))
          .all()
          .get();
    }
  }

  /** Host and port of a door. */
  public String at(Door door) {
    return "127.0.0.1:" + ports.get(door);
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  @Override
  public void close() throws IOException {
    broker.close();
    System.clearProperty("org.apache.kafka.sasl.oauthbearer.allowed.urls");
  }
}
