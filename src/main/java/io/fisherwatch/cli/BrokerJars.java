package io.fisherwatch.cli;

/** The embedded broker's jars, which images and the library leave out. */
final class BrokerJars {

  private static final String BROKER = "kafka.server.KafkaRaftServer";

  private BrokerJars() {}

  /** Says so in one line where they are not there. */
  static void require(String command) throws UsageException {
    try {
      Class.forName(BROKER, false, BrokerJars.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new UsageException(
          command
              + " needs the embedded broker, which this installation leaves out; use one built by"
              + " 'mvn package', or the command agent with a Kafka of your own");
    }
  }
}
