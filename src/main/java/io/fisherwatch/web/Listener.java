package io.fisherwatch.web;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the port, with TLS or without. */
final class Listener {

  private static final Logger LOG = LoggerFactory.getLogger(Listener.class);

  /** Connections that may wait to be accepted. */
  private static final int BACKLOG = 64;

  private Listener() {}

  /**
   * Opens the port.
   *
   * @throws IOException if it cannot be had, or the certificate cannot be used
   */
  static HttpServer open(WebSettings settings, InetAddress address) throws IOException {
    ServerLimits.apply();
    InetSocketAddress socket = new InetSocketAddress(address, settings.port());
    if (settings.tls().isEmpty()) {
      return bound(HttpServer.create(), socket, settings);
    }
    HttpsServer server = HttpsServer.create();
    server.setHttpsConfigurator(new HttpsConfigurator(context(settings.tls().get())));
    return bound(server, socket, settings);
  }

  /** Says what others can read, or hear, who reach the address. */
  static void warn(WebSettings settings, InetAddress address) {
    if (address.isLoopbackAddress()) {
      return;
    }
    if (!settings.access().isRestricted()) {
      LOG.warn(
          "{} is open to everyone who can reach it: set web.auth, or keep others out by the network",
          settings.host());
    } else if (settings.tls().isEmpty()) {
      LOG.warn(
          "credentials travel to {} in the clear: set web.tls, or put TLS in front",
          settings.host());
    }
  }

  private static HttpServer bound(HttpServer server, InetSocketAddress socket, WebSettings settings)
      throws IOException {
    try {
      server.bind(socket, BACKLOG);
      return server;
    } catch (IOException e) {
      throw new IOException(
          "cannot listen on "
              + settings.host()
              + ":"
              + settings.port()
              + " ("
              + e.getMessage()
              + "); choose another port, or 0 for a free one",
          e);
    }
  }

  private static SSLContext context(WebSettings.TlsFiles files) throws IOException {
    KeyManager keys = new ReloadingKeys(files, System::nanoTime);
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(new KeyManager[] {keys}, null, null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException("this JDK has no TLS: " + e.getMessage(), e);
    }
  }
}
