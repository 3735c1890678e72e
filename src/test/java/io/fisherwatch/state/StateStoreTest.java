package io.fisherwatch.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fisherwatch.safetensors.Digests;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two generations, verified; owners told apart by epochs; damage found wherever it is. */
class StateStoreTest {

  private static final int BYTES = 5_000;

  @TempDir private Path folder;
  private StateStore store;

  @BeforeEach
  void open() {
    store = new StateStore(folder, "group/of one");
  }

  /** Writes a snapshot of one run, whose file holds bytes of this number. */
  private static void write(Claim claim, int number) throws IOException {
    byte[] content = new byte[BYTES];
    new Random(number).nextBytes(content);
    StoredFile state = claim.writeFile("run-a", ".safetensors", out -> out.write(content));
    StoredFile history =
        claim.writeFile("history-a", ".json", out -> out.write(new byte[] {'[', ']'}));
    claim.write(
        number, Map.of("batch/processed", (long) number), List.of(run(number, state, history)));
  }

  private static StoredRun run(int step, StoredFile state, StoredFile history) {
    return new StoredRun("a", step, state, history);
  }

  private static long offset(Claim claim) {
    return claim.latest().orElseThrow().manifest().offset();
  }

  private List<Path> files(String glob) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile)
          .filter(file -> file.getFileName().toString().matches(glob))
          .sorted()
          .toList();
    }
  }

  @Test
  void claim_nothingThere_isEmpty() throws Exception {
    Claim claim = store.claim("t", 0);
    assertThat(claim.latest()).isEmpty();
    assertThat(claim.durableStep("a")).isEmpty();
  }

  @Test
  void claim_stateBegunAnew_isLaterThanAllBefore() throws Exception {
    long last = 0;
    for (int i = 0; i < 3; i++) {
      last = store.claim("t", 0).epoch();
    }
    Path partition;
    try (Stream<Path> all = Files.walk(folder)) {
      partition =
          all.filter(path -> path.getFileName().toString().startsWith("epoch-"))
              .findFirst()
              .orElseThrow()
              .getParent();
    }
    for (long epoch : Epochs.all(partition)) {
      Epochs.remove(Epochs.folder(partition, epoch));
    }
    Files.setLastModifiedTime(partition, FileTime.from(last + 60, TimeUnit.SECONDS));
    assertThat(store.claim("t", 0).epoch()).as("a minute later").isGreaterThan(last);
  }

  @Test
  void write_thenClaim_goesOnWithTheLatest() throws Exception {
    Claim first = store.claim("t", 0);
    write(first, 7);
    write(first, 9);
    Claim second = store.claim("t", 0);
    assertThat(offset(second)).isEqualTo(9);
    assertThat(second.latest().orElseThrow().manifest().events())
        .containsExactly(Map.entry("batch/processed", 9L));
    assertThat(second.durableStep("a")).hasValue(7);
    assertThat(store.claim("t", 1).latest()).as("another partition").isEmpty();
  }

  @Test
  void write_manyTimes_keepsTwoGenerations() throws Exception {
    Claim claim = store.claim("t", 0);
    for (int i = 1; i <= 5; i++) {
      write(claim, i);
    }
    assertThat(files("snapshot-.*")).hasSize(2);
    assertThat(files("run-.*")).hasSize(2);
    assertThat(claim.durableStep("a")).hasValue(4);
    Claim next = store.claim("t", 0);
    write(next, 6);
    assertThat(files("snapshot-.*")).as("the predecessor's epoch has gone").hasSize(2);
    assertThat(next.durableStep("a")).hasValue(5);
  }

  @Test
  void zombie_afterAnotherClaimed_writesNothing() throws Exception {
    Claim zombie = store.claim("t", 0);
    write(zombie, 1);
    Claim successor = store.claim("t", 0);
    assertThatThrownBy(() -> write(zombie, 2)).isInstanceOf(LostClaimException.class);
    write(successor, 3);
    write(successor, 4);
    assertThatThrownBy(() -> write(zombie, 5)).isInstanceOf(LostClaimException.class);
    assertThat(offset(store.claim("t", 0))).isEqualTo(4);
  }

  @Test
  void successor_diedBeforeItsFirstSnapshot_predecessorsHolds() throws Exception {
    write(store.claim("t", 0), 1);
    Path partition = files("snapshot-.*").get(0).getParent().getParent();
    Files.createDirectory(partition.resolve("epoch-9999999999"));
    assertThat(offset(store.claim("t", 0))).isEqualTo(1);
  }

  @Test
  void latest_cutAnywhere_olderTakesItsPlace() throws Exception {
    Claim claim = store.claim("t", 0);
    write(claim, 1);
    write(claim, 2);
    for (Path file : List.of(files("snapshot-.*").get(1), stateOf(claim))) {
      byte[] whole = Files.readAllBytes(file);
      for (int length = 0; length < whole.length; length += Math.max(1, whole.length / 20)) {
        Files.write(file, Arrays.copyOf(whole, length));
        assertThat(offsetOfLatest()).as("%s cut at %d", file, length).isEqualTo(1);
      }
      Files.write(file, whole);
    }
    assertThat(offsetOfLatest()).isEqualTo(2);
  }

  @Test
  void latest_aBitFlippedAnywhere_olderTakesItsPlace() throws Exception {
    Claim claim = store.claim("t", 0);
    write(claim, 1);
    write(claim, 2);
    Random random = new Random(3);
    for (Path file : List.of(files("snapshot-.*").get(1), stateOf(claim))) {
      byte[] whole = Files.readAllBytes(file);
      for (int i = 0; i < 50; i++) {
        byte[] flipped = whole.clone();
        int at = random.nextInt(whole.length);
        flipped[at] ^= (byte) (1 << random.nextInt(8));
        Files.write(file, flipped);
        assertThat(offsetOfLatest()).as("%s flipped at %d", file, at).isEqualTo(1);
      }
      Files.write(file, whole);
    }
  }

  @Test
  void allDamaged_claim_isRefusedAndNothingDeleted() throws Exception {
    Claim claim = store.claim("t", 0);
    write(claim, 1);
    for (Path file : files("run-.*")) {
      Files.write(file, new byte[] {1});
    }
    int before = files(".*").size();
    assertThatThrownBy(() -> store.claim("t", 0))
        .isInstanceOf(StateException.class)
        .hasMessageContaining("can be used")
        .hasMessageContaining("move the folder away");
    assertThat(files(".*")).hasSize(before);
  }

  @Test
  void anotherVersion_claim_isRefusedAndKept() throws Exception {
    Claim claim = store.claim("t", 0);
    write(claim, 1);
    Path file = files("snapshot-.*").get(0);
    String json = Files.readString(file).lines().findFirst().orElseThrow();
    replace(file, json.replace("\"version\":2", "\"version\":3"));
    assertThatThrownBy(() -> store.claim("t", 0))
        .isInstanceOf(StateException.class)
        .hasMessageContaining("version 3")
        .hasMessageContaining("reads versions up to 2");
    assertThat(file).exists();
  }

  private static void replace(Path file, String json) throws IOException {
    String digest = Digests.sha256(json.getBytes(StandardCharsets.UTF_8));
    Files.writeString(file, json + "\n" + digest + "\n");
  }

  /** Written by the program of 2026-11-27, whose files have a SHA-256. */
  @Test
  void version1_claim_isVerifiedAndGoneOnWith() throws Exception {
    copy(Path.of("src/test/resources/state/version-1"));
    StateStore old = new StateStore(folder, "version-1");
    Path state = files("run-.*").get(0);
    byte[] whole = Files.readAllBytes(state);
    byte[] damaged = whole.clone();
    damaged[whole.length / 2] ^= 1;
    Files.write(state, damaged);
    assertThatThrownBy(() -> old.claim("training-events", 0)).isInstanceOf(StateException.class);
    Files.write(state, whole);
    assertThat(offset(old.claim("training-events", 0))).isEqualTo(17);
    Files.delete(files("snapshot-.*").get(0));
    Claim later = old.claim("training-events", 0);
    assertThat(offset(later)).as("from a list of version 2").isEqualTo(17);
    assertThat(later.latest().orElseThrow().manifest().version()).isEqualTo(Manifest.VERSION);
  }

  private void copy(Path from) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        Path to = folder.resolve(from.relativize(file).toString());
        Files.createDirectories(to.getParent());
        Files.copy(file, to);
      }
    }
  }

  @Test
  void writeFile_fails_leavesNothingBehind() throws Exception {
    Claim claim = store.claim("t", 0);
    write(claim, 1);
    int before = files(".*").size();
    assertThatThrownBy(
            () ->
                claim.writeFile(
                    "run-a",
                    ".safetensors",
                    out -> {
                      out.write(1);
                      throw new IOException("No space left on device");
                    }))
        .hasMessageContaining("No space left");
    assertThat(files(".*")).hasSize(before);
    assertThat(offset(store.claim("t", 0))).isEqualTo(1);
  }

  @Test
  void removeUnnamed_afterAFailure_keepsWhatSnapshotsName() throws Exception {
    Claim claim = store.claim("t", 0);
    write(claim, 1);
    write(claim, 2);
    int before = files(".*").size();
    StoredFile unused = claim.writeFile("run-b", ".safetensors", out -> out.write(1));
    assertThat(files(".*")).hasSize(before + 1);
    claim.removeUnnamed();
    assertThat(files(".*")).hasSize(before).noneMatch(file -> file.endsWith(unused.name()));
  }

  @Test
  void inspect_damaged_saysWhere() throws Exception {
    Claim claim = store.claim("t", 0);
    write(claim, 1);
    write(claim, 2);
    Files.write(stateOf(claim), new byte[] {1});
    List<StateInspector.Found> found = StateInspector.inspect(folder);
    assertThat(found).hasSize(2);
    assertThat(found.get(0).problem().orElseThrow()).contains("it is cut");
    assertThat(found.get(1).problem()).isEmpty();
  }

  private static Path stateOf(Claim claim) {
    Snapshot latest = claim.latest().orElseThrow();
    return latest.path(latest.manifest().runs().get(0).state());
  }

  /** What a claim would find, without making one: the folder stays as it is. */
  private long offsetOfLatest() throws Exception {
    Path partition = files("snapshot-.*").get(0).getParent().getParent();
    return StateStore.verified(partition, Long.MAX_VALUE).get(0).manifest().offset();
  }
}
