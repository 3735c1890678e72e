package io.fisherwatch.cli;

import io.fisherwatch.web.SecretHash;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** Hashes a password or a token for {@code web.auth}. */
@Command(
    name = "hash-secret",
    description =
        "Reads a password or a token from stdin, one line, and prints its hash for web.auth.")
final class HashSecretCommand implements Callable<Integer> {

  /** Of characters. A token that can be guessed is none. */
  private static final int SHORTEST = 12;

  @Override
  public Integer call() throws IOException, UsageException {
    String secret = read();
    if (secret.length() < SHORTEST) {
      throw new UsageException(
          "the secret has " + secret.length() + " characters; " + SHORTEST + " are the least");
    }
    System.out.println(SecretHash.of(secret).text());
    return 0;
  }

  private static String read() throws IOException {
    String line =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).readLine();
    return line == null ? "" : line;
  }
}
