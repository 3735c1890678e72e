package io.fisherwatch.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.web.SecretHash;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {

  private record Answer(int code, String err) {}

  private static Answer run(String... args) {
    PrintStream before = System.err;
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    try {
      System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
      return new Answer(Main.run(args), err.toString(StandardCharsets.UTF_8));
    } finally {
      System.setErr(before);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "estimate --graph none.pt --batch none.safetensors",
        "estimate --graph pom.xml",
        "estimate --graph pom.xml --batch pom.xml --estimator guess",
        "estimate --graph pom.xml --batch pom.xml --probes 0",
        "estimate --graph pom.xml --batch pom.xml --micro-batch some",
        "estimate --graph pom.xml --batch pom.xml --sigma 1",
        "estimate --graph pom.xml --batch pom.xml --diagonal /none/d.safetensors",
        "config check none.yaml",
        "agent --config none.yaml",
        "merge --config none.yaml",
        "merge --config config/agent.yaml",
        "demo --steps 0",
        "estimate --graph pom.xml --batch pom.xml --threads -1",
        "bench --quick --full",
        "bench --only guess",
        "bench --out target",
        "guess"
      })
  void usage_wrong_isOneLineAndExitCode2(String line) {
    Answer answer = run(line.split(" "));
    assertThat(answer.code()).isEqualTo(2);
    assertThat(answer.err().strip().lines()).hasSize(1);
    assertThat(answer.err()).startsWith("fisherwatch: ");
  }

  @Test
  void configuration_ofTheMerge_isChecked() {
    assertThat(run("merge", "--check", "--config", "config/merge.yaml").code()).isZero();
  }

  @Test
  void configuration_reference_isPrinted() {
    assertThat(run("config", "check", "config/agent.yaml").code()).isZero();
  }

  @Test
  void hashSecret_ofALine_isWhatTheConfigurationTakes() {
    InputStream before = System.in;
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try {
      System.setIn(new ByteArrayInputStream("correct horse\n".getBytes(StandardCharsets.UTF_8)));
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      assertThat(run("config", "hash-secret").code()).isZero();
      System.setIn(new ByteArrayInputStream("short\n".getBytes(StandardCharsets.UTF_8)));
      assertThat(run("config", "hash-secret"))
          .matches(answer -> answer.code() == 2 && !answer.err().contains("short"));
    } finally {
      System.setIn(before);
      System.setOut(out);
    }
    String text = printed.toString(StandardCharsets.UTF_8).strip();
    assertThat(SecretHash.parse(text).iterations()).isEqualTo(SecretHash.ITERATIONS);
    assertThat(text).doesNotContain("horse");
  }
}
