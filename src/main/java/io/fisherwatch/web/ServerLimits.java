package io.fisherwatch.web;

import java.util.Map;

/**
 * Limits of the JDK's HTTP server, which takes them from properties of the JVM, once, when its
 * first server is made. A property that is set on the command line stays.
 */
final class ServerLimits {

  /** Connections that are open, most of them idle; beyond, none is accepted. */
  static final int OPEN_CONNECTIONS = 256;

  /** Within which a request must have arrived, so that one that drips in holds no thread. */
  static final int REQUEST_SECONDS = 10;

  /** Bytes of request line and headers together. */
  static final int HEADER_BYTES = 16_384;

  private static final Map<String, Integer> PROPERTIES =
      Map.of(
          "jdk.httpserver.maxConnections", OPEN_CONNECTIONS,
          "sun.net.httpserver.maxReqTime", REQUEST_SECONDS,
          "sun.net.httpserver.maxReqHeaderSize", HEADER_BYTES,
          "sun.net.httpserver.maxReqHeaders", 64,
          "sun.net.httpserver.maxIdleConnections", 64,
          "sun.net.httpserver.idleInterval", 30,
          // of a body that nobody asked for
          "sun.net.httpserver.drainAmount", 4_096);

  private ServerLimits() {}

  static void apply() {
    PROPERTIES.forEach(
        (name, value) -> {
          if (System.getProperty(name) == null) {
            System.setProperty(name, Integer.toString(value));
          }
        });
  }
}
