package io.fisherwatch.kafka;

import java.util.ArrayList;
import java.util.List;
import javax.security.auth.login.LoginException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;

/** Says in one line what a refusal means, and what would be right. */
final class Refusals {

  private Refusals() {}

  /** The broker, or we, will not have the other. */
  static String of(KafkaSettings settings, ApiException e) {
    return of(settings.bootstrapServers(), e);
  }

  static String of(String bootstrapServers, ApiException e) {
    return "Kafka at " + bootstrapServers + " " + why(e) + ": " + chain(e);
  }

  private static String why(ApiException e) {
    if (e instanceof SslAuthenticationException) {
      return tls(chain(e));
    }
    if (e instanceof SaslAuthenticationException) {
      return "refuses our credentials; correct sasl.* in kafka.properties";
    }
    if (e instanceof AuthorizationException) {
      return "does not allow us what we need; grant our user Read on the topic and the group";
    }
    return "refuses to serve us";
  }

  private static String tls(String chain) {
    if (chain.contains("No subject alternative") || chain.contains("No name matching")) {
      return "has a certificate for another name; correct kafka.bootstrapServers, or the broker's"
          + " certificate";
    }
    if (chain.contains("PKIX path") || chain.contains("trust anchor")) {
      return "has a certificate of an authority that we do not trust; name it in ssl.truststore.*"
          + " in kafka.properties";
    }
    if (chain.contains("plaintext connection") || chain.contains("Unsupported or unrecognized")) {
      return "speaks no TLS on that port; correct security.protocol in kafka.properties, or the"
          + " port";
    }
    if (chain.contains("Received fatal alert") || chain.contains("certificate_required")) {
      return "does not take our certificate, or that there is none; correct ssl.keystore.* in"
          + " kafka.properties";
    }
    return "and we cannot agree on TLS; correct ssl.* in kafka.properties";
  }

  /** Whether there is no token, or no ticket, to log in with: its server may come back. */
  static boolean isLoginFailure(KafkaException e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof LoginException) {
        return true;
      }
    }
    return false;
  }

  /** What led to it, each message once; what is wrong with a JAAS entry could quote it. */
  static String chain(Throwable e) {
    List<String> messages = new ArrayList<>();
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
      if (message.contains("JAAS config")) {
        message = "the JAAS entry is malformed";
      }
      String line = message.replaceAll("\\s*\\R\\s*", " ");
      if (messages.stream().noneMatch(said -> said.contains(line))) {
        messages.add(line);
      }
    }
    return String.join(": ", messages);
  }
}
