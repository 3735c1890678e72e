package io.fisherwatch.kafka;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Passes on what comes to a port, so many bytes a second in each direction of each connection. Or
 * slams the door, if it has no target.
 */
final class SlowProxy implements AutoCloseable {

  private static final int STEP_MILLIS = 50;

  private final ServerSocket server;
  private final int target;
  private final int bytesPerSecond;
  private final AtomicInteger hangUps = new AtomicInteger();
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();

  private SlowProxy(ServerSocket server, int target, int bytesPerSecond) {
    this.server = server;
    this.target = target;
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Listens on a port on behalf of another. */
  static SlowProxy start(int port, int target, int bytesPerSecond) throws IOException {
    SlowProxy proxy =
        new SlowProxy(
            new ServerSocket(port, 50, InetAddress.getLoopbackAddress()), target, bytesPerSecond);
    proxy.thread(proxy::accept);
    return proxy;
  }

  /** A listener that hangs up on whoever calls. */
  static SlowProxy slamming() throws IOException {
    return start(0, -1, 0);
  }

  int port() {
    return server.getLocalPort();
  }

  int connections() {
    return sockets.size();
  }

  private void accept() throws IOException {
    while (!server.isClosed()) {
      Socket client = server.accept();
      sockets.add(client);
      if (target < 0) {
        client.close();
        continue;
      }
      Socket broker = new Socket(InetAddress.getLoopbackAddress(), target);
      sockets.add(broker);
      thread(() -> pass(client, broker));
      thread(() -> pass(broker, client));
    }
  }

  private void pass(Socket from, Socket to) throws IOException {
    byte[] chunk = new byte[Math.max(1, bytesPerSecond * STEP_MILLIS / 1000)];
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
        out.write(chunk, 0, read);
        TimeUnit.MILLISECONDS.sleep(STEP_MILLIS * (long) read / chunk.length);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private interface Task {
    void run() throws IOException;
  }

  private void thread(Task task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException e) {
                hangUps.incrementAndGet(); // one side hung up, or the proxy was closed
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
