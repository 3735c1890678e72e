package io.fisherwatch.demo;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;

/**
 * A Kafka broker of one node in this process, for a machine without an installation. It listens on
 * 127.0.0.1 only, without authentication, keeps its data in a folder, and finds them there again.
 * Topics are created, with one partition, when they are first used. How much Kafka logs is for the
 * caller's logging configuration to say.
 */
public final class EmbeddedBroker implements AutoCloseable {

  /** The largest record, in bytes. */
  public static final int LARGEST_RECORD = 64 << 20;

  private static final String HOST = "127.0.0.1";
  private static final int NODE = 1;
  private static final int ATTEMPTS = 5;

  private final FileChannel lock;
  private final KafkaRaftServer server;
  private final int port;
  private boolean closed;

  private EmbeddedBroker(FileChannel lock, KafkaRaftServer server, int port) {
    this.lock = lock;
    this.server = server;
    this.port = port;
  }

  /**
   * Starts a broker and waits until it answers.
   *
   * @param port where it listens; 0 picks a free port
   * @param dataDir where its data are, made if it does not exist
   * @throws IOException if it cannot start: the port is taken, or another broker has the folder
   */
  public static EmbeddedBroker start(int port, Path dataDir) throws IOException {
    return start(port, dataDir, Map.of());
  }

  /**
   * Starts a broker that is set up differently.
   *
   * @param overriding properties of Kafka's broker that override ours
   */
  public static EmbeddedBroker start(int port, Path dataDir, Map<String, String> overriding)
      throws IOException {
    keepKafkaFromExiting();
    // Kafka's broker brings Log4j, which cannot be loaded once the JVM is ending and takes the rest
    // down with it: a Ctrl-C in the first second
    System.setProperty("log4j.shutdownHookEnabled", "false");
    if (port != 0) {
      checkFree(port);
    }
    Path folder = dataDir.toAbsolutePath().resolve("broker");
    FileChannel lock = lock(dataDir.toAbsolutePath());
    try {
      format(folder);
      return start(port, folder, lock, overriding);
    } catch (IOException | RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  private static EmbeddedBroker start(
      int port, Path folder, FileChannel lock, Map<String, String> overriding) throws IOException {
    // a port that was free can be taken before the broker binds it
    for (int attempt = 1; ; attempt++) {
      int brokerPort = port == 0 ? freePort() : port;
      KafkaRaftServer server = null;
      try {
        Map<String, String> properties = properties(brokerPort, freePort(), folder);
        properties.putAll(overriding);
        server = new KafkaRaftServer(new KafkaConfig(properties, false), Time.SYSTEM);
        server.startup();
        return new EmbeddedBroker(lock, server, brokerPort);
      } catch (Exception e) {
        if (server != null) {
          server.shutdown();
        }
        if (attempt == ATTEMPTS || !isBindFailure(e)) {
          throw new IOException(
              "the broker cannot start on port "
                  + brokerPort
                  + " with the data in "
                  + folder
                  + ": "
                  + rootOf(e).getMessage(),
              e);
        }
      }
    }
  }

  /** Host and port for clients. */
  public String bootstrapServers() {
    return HOST + ":" + port;
  }

  /** Stops the broker and waits for it; its data stay. */
  @Override
  public synchronized void close() throws IOException {
    if (!closed) {
      closed = true;
      server.shutdown();
      server.awaitShutdown();
      lock.close();
    }
  }

  /** Kafka's own lock comes too late: a second controller would have written by then. */
  private static FileChannel lock(Path dataDir) throws IOException {
    Files.createDirectories(dataDir);
    FileChannel channel =
        FileChannel.open(
            dataDir.resolve("broker.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      if (channel.tryLock() != null) {
        return channel;
      }
    } catch (OverlappingFileLockException e) {
      channel.close();
      throw new IOException("another broker of this process uses " + dataDir, e);
    }
    channel.close();
    throw new IOException("a broker of another process uses " + dataDir);
  }

  private static Map<String, String> properties(int port, int controllerPort, Path folder) {
    Map<String, String> properties = new HashMap<>();
    properties.put("process.roles", "broker,controller");
    properties.put("node.id", Integer.toString(NODE));
    properties.put("controller.quorum.voters", NODE + "@" + HOST + ":" + controllerPort);
    properties.put("controller.listener.names", "CONTROLLER");
    properties.put(
        "listeners",
        "PLAINTEXT://" + HOST + ":" + port + ",CONTROLLER://" + HOST + ":" + controllerPort);
    properties.put("advertised.listeners", "PLAINTEXT://" + HOST + ":" + port);
    properties.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    properties.put("log.dirs", folder.toString());
    properties.put("message.max.bytes", Integer.toString(LARGEST_RECORD));
    properties.put("replica.fetch.max.bytes", Integer.toString(LARGEST_RECORD));
    properties.put("offsets.topic.replication.factor", "1");
    properties.put("offsets.topic.num.partitions", "1");
    properties.put("transaction.state.log.replication.factor", "1");
    properties.put("transaction.state.log.min.isr", "1");
    properties.put("transaction.state.log.num.partitions", "1");
    properties.put("share.coordinator.state.topic.replication.factor", "1");
    properties.put("share.coordinator.state.topic.min.isr", "1");
    properties.put("group.initial.rebalance.delay.ms", "0");
    // members of one machine answer quickly: one that was killed is soon missed
    properties.put("group.consumer.min.heartbeat.interval.ms", "1000");
    properties.put("group.consumer.heartbeat.interval.ms", "1000");
    properties.put("group.consumer.min.session.timeout.ms", "10000");
    properties.put("group.consumer.session.timeout.ms", "10000");
    // the cleaner would set aside 128 MiB of heap for topics far larger than ours
    properties.put("log.cleaner.dedupe.buffer.size", Integer.toString(4 << 20));
    properties.put("num.network.threads", "2");
    properties.put("num.io.threads", "2");
    return properties;
  }

  private static void format(Path folder) throws IOException {
    if (Files.exists(folder.resolve("meta.properties"))) {
      return;
    }
    Files.createDirectories(folder);
    try {
      new Formatter()
          .setPrintStream(
              new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8))
          .setNodeId(NODE)
          .setClusterId(Uuid.randomUuid().toString())
          .addDirectory(folder.toString())
          .setMetadataLogDirectory(folder.toString())
          .setControllerListenerName("CONTROLLER")
          .setIgnoreFormatted(true)
          .run();
    } catch (Exception e) {
      throw new IOException(
          folder + " cannot be made into a broker's folder: " + e.getMessage(), e);
    }
  }

  /** Kafka ends the process when a broker fails; in a process that is not its own it must not. */
  private static void keepKafkaFromExiting() {
    Exit.Procedure refuse =
        (status, message) -> {
          throw new IllegalStateException(
              "the broker failed" + (message == null ? "" : ": " + message));
        };
    Exit.setExitProcedure(refuse);
    Exit.setHaltProcedure(refuse);
  }

  private static void checkFree(int port) throws IOException {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    } catch (IOException e) {
      throw new IOException("port " + port + " of " + HOST + " is taken: " + e.getMessage(), e);
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static boolean isBindFailure(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof BindException) {
        return true;
      }
    }
    return false;
  }

  private static Throwable rootOf(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }
}
