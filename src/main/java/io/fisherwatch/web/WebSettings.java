package io.fisherwatch.web;

import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/**
 * Where to listen, for whom, and for how many.
 *
 * @param host an address of this machine; 127.0.0.1 keeps everyone else out
 * @param port 0 picks a free one
 * @param names under which the agent is reached besides those of this machine; requests for others
 *     are refused. On an address that is not of the loopback, none means any
 * @param access who may read
 * @param tls what the agent proves itself with; empty for plain HTTP
 * @param limits what it serves at once
 */
public record WebSettings(
    String host,
    int port,
    Set<String> names,
    Access access,
    Optional<TlsFiles> tls,
    Limits limits) {

  /**
   * Files in PEM; a change of them is seen within seconds.
   *
   * @param certificate the agent's own, followed by those in between
   * @param key its private key in PKCS#8, not encrypted
   */
  public record TlsFiles(Path certificate, Path key) {}

  /**
   * What is served at once.
   *
   * @param connections that are being answered; more are closed
   * @param streams of events among them; more are told so
   */
  public record Limits(int connections, int streams) {

    /** So many streams that threads are left for scrapes. */
    public static final Limits DEFAULT = new Limits(64, 48);
  }

  public WebSettings {
    names = Set.copyOf(names);
  }

  /** Plain HTTP for everyone who can reach the address. */
  public WebSettings(String host, int port) {
    this(host, port, Set.of(), Access.OPEN, Optional.empty(), Limits.DEFAULT);
  }

  /** The same on another port. */
  public WebSettings withPort(int otherPort) {
    return new WebSettings(host, otherPort, names, access, tls, limits);
  }

  /** {@code http} or {@code https}. */
  public String scheme() {
    return tls.isPresent() ? "https" : "http";
  }
}
