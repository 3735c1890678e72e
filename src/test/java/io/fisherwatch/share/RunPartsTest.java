package io.fisherwatch.share;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fisherwatch.monitor.MonitorShare;
import io.fisherwatch.snapshot.Estimate;
import io.fisherwatch.snapshot.LayerFigures;
import io.fisherwatch.snapshot.RunSnapshot;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RunPartsTest {

  private final RunParts parts = new RunParts("run");

  private boolean publish(ShareStamp stamp, MonitorShare share) throws ShareException {
    boolean changed = false;
    for (ShareRecord one : ShareCodec.encode(stamp, share)) {
      changed |= parts.add(one);
    }
    return changed;
  }

  private double trace() {
    return parts
        .merge(1)
        .orElseThrow()
        .snapshot()
        .figures()
        .total()
        .traces()
        .get(Estimate.FISHER)
        .trace()
        .value();
  }

  @Test
  void add_layersAndHeader_completeAPartInAnyOrder() throws ShareException {
    List<ShareRecord> records = ShareCodec.encode(Made.stamp(0, 1, 1, 0), Made.share(4, 2));
    for (int first = 0; first < records.size(); first++) {
      RunParts fresh = new RunParts("run");
      List<ShareRecord> turned = new ArrayList<>(records);
      Collections.rotate(turned, first);
      for (int i = 0; i < turned.size(); i++) {
        assertThat(fresh.parts()).isEmpty();
        assertThat(fresh.add(turned.get(i))).isEqualTo(i == turned.size() - 1);
      }
      assertThat(fresh.parts()).hasSize(1);
    }
  }

  @Test
  void add_repeatedAndOlder_changesNothing() throws ShareException {
    assertThat(publish(Made.stamp(0, 2, 1, 0), Made.share(4, 2))).isTrue();
    assertThat(publish(Made.stamp(0, 2, 1, 0), Made.share(4, 2))).isFalse();
    assertThat(publish(Made.stamp(0, 2, 0, 0), Made.share(5, 3))).isFalse();
    assertThat(publish(Made.stamp(0, 1, 900, 0), Made.share(5, 3))).as("earlier owner").isFalse();
    assertThat(trace()).isEqualTo(2);
    assertThat(publish(Made.stamp(0, 2, 2, 0), Made.share(6, 4))).isTrue();
    assertThat(publish(Made.stamp(0, 3, 0, 0), Made.share(7, 5))).as("next owner").isTrue();
    assertThat(trace()).isEqualTo(5);
    assertThat(parts.merge(1).orElseThrow().snapshot().figures().examples()).isEqualTo(7);
  }

  @Test
  void add_newerButIncomplete_leavesTheLastCompleteOne() throws ShareException {
    publish(Made.stamp(0, 1, 1, 0), Made.share(4, 2));
    List<ShareRecord> next = ShareCodec.encode(Made.stamp(0, 1, 2, 0), Made.share(8, 3));
    List<ShareRecord> afterNext = ShareCodec.encode(Made.stamp(0, 1, 3, 0), Made.share(9, 7));
    parts.add(next.get(0));
    parts.add(next.get(2));
    assertThat(trace()).isEqualTo(2);
    assertThat(parts.add(next.get(3))).as("the header, a layer is missing").isFalse();
    assertThat(trace()).isEqualTo(2);
    parts.add(afterNext.get(0));
    assertThat(parts.add(next.get(1))).as("passed over by a later version").isFalse();
    assertThat(trace()).isEqualTo(2);
    for (ShareRecord one : afterNext) {
      parts.add(one);
    }
    assertThat(trace()).isEqualTo(7);
  }

  @Test
  void merge_partsAtOtherCheckpoints_areAgedToTheNewest() throws ShareException {
    publish(Made.stamp(3, 1, 1, 5), Made.share(4, 2));
    publish(Made.stamp(0, 1, 1, 3), Made.share(4, 6));
    // weights 4 and 4 · 0.5²
    assertThat(trace()).isCloseTo((4 * 2 + 1 * 6) / 5.0, within(1e-14));
    MergedRun merged = parts.merge(123).orElseThrow();
    RunSnapshot snapshot = merged.snapshot();
    assertThat(merged.stamps()).extracting(ShareStamp::partition).containsExactly(0, 3);
    assertThat(merged.parts()).isEqualTo(2);
    assertThat(merged.agents()).isEqualTo(2);
    assertThat(snapshot.run()).isEqualTo("run");
    assertThat(snapshot.attempt()).isEqualTo(1);
    assertThat(snapshot.step()).isEqualTo(50);
    assertThat(snapshot.batchStep()).isEqualTo(51);
    assertThat(snapshot.checkpointTimeSeconds()).isEqualTo(1005.5);
    assertThat(snapshot.estimateTimeSeconds()).isEqualTo(123);
    assertThat(snapshot.effectiveBatches()).isCloseTo(25 / 17.0, within(1e-12));
    assertThat(snapshot.lagSteps()).isCloseTo(51 - 7, within(1e-12));
    assertThat(snapshot.ended()).isFalse();
    assertThat(snapshot.figures().examples()).isEqualTo(8);
    assertThat(snapshot.figures().probes()).isEqualTo(4);
    assertThat(snapshot.figures().classes()).isEqualTo(10);
    assertThat(snapshot.figures().aliases()).containsEntry("tied", "body.weight");
    assertThat(snapshot.figures().total().covered()).isEqualTo(3);
    assertThat(snapshot.figures().layers())
        .extracting(LayerFigures::layer)
        .containsExactly("_total", "body", "head");
  }

  @Test
  void merge_sameAgent_countsOnce() throws ShareException {
    publish(Made.stamp(0, 1, 1, 0), Made.share(4, 2));
    publish(Made.stamp(1, 1, 1, 0), Made.share(4, 2));
    assertThat(parts.merge(1).orElseThrow().agents()).isEqualTo(1);
  }

  @Test
  void merge_ofEarlierAttempt_isLeftOut() throws ShareException {
    publish(Made.stamp(0, 1, 1, 90, 1, true), Made.share(400, 2));
    assertThat(parts.merge(1).orElseThrow().snapshot().ended()).isTrue();
    publish(Made.stamp(1, 1, 1, 0, 2, false), Made.share(4, 6));
    MergedRun merged = parts.merge(1).orElseThrow();
    assertThat(trace()).isEqualTo(6);
    assertThat(merged.parts()).isEqualTo(1);
    assertThat(merged.snapshot().attempt()).isEqualTo(2);
    assertThat(merged.snapshot().ended()).isFalse();
  }

  @Test
  void merge_anyOrderOfArrival_isTheSame() throws ShareException {
    List<ShareRecord> records = new ArrayList<>();
    for (int partition = 0; partition < 5; partition++) {
      ShareStamp stamp = Made.stamp(partition, 1, 1, partition % 3);
      records.addAll(ShareCodec.encode(stamp, Made.share(1 + partition, Math.exp(partition))));
    }
    MergedRun expected = null;
    for (int order = 0; order < 20; order++) {
      Collections.shuffle(records, new Random(order));
      RunParts fresh = new RunParts("run");
      for (ShareRecord one : records) {
        fresh.add(one);
      }
      MergedRun merged = fresh.merge(1).orElseThrow();
      expected = expected == null ? merged : expected;
      assertThat(merged).isEqualTo(expected);
    }
  }

  @Test
  void merge_ofAnotherModelSinceACheckpoint_beginsAnewThere() throws ShareException {
    publish(Made.stamp(0, 1, 1, 3), Made.share(4, 2));
    MonitorShare other = Made.share(List.of("body", "tail"), 4, 9);
    publish(Made.stamp(1, 1, 1, 4), other);
    assertThat(trace()).isEqualTo(9);
    assertThat(parts.merge(1).orElseThrow().parts()).isEqualTo(1);
    publish(Made.stamp(0, 1, 2, 4), Made.share(4, 2));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parts.merge(1))
        .withMessageContaining("tail.weight [3] of layer tail")
        .withMessageContaining("head.weight [3] of layer head");
  }

  @Test
  void merge_withoutBatch_isEmpty() throws ShareException {
    assertThat(parts.merge(1)).isEmpty();
    publish(Made.stamp(0, 1, 1, 0), Made.share(0, 0));
    assertThat(parts.merge(1)).isEmpty();
    publish(Made.stamp(1, 1, 1, 0), Made.share(4, 2));
    assertThat(parts.merge(1)).isPresent();
  }

  @Test
  void add_ofAnotherRun_isRefused() {
    List<ShareRecord> records = ShareCodec.encode(Made.stamp(0, 1, 1, 0), Made.share(4, 2));
    assertThatExceptionOfType(ShareException.class)
        .isThrownBy(() -> new RunParts("other").add(records.get(0)))
        .withMessageContaining("is not of run \"other\"");
  }

  @Test
  void stamp_newerThan_isByEpochThenSequence() {
    ShareStamp stamp = Made.stamp(0, 3, 5, 0);
    assertThat(stamp.newerThan(Made.stamp(0, 2, 9, 0))).isTrue();
    assertThat(stamp.newerThan(Made.stamp(0, 3, 4, 0))).isTrue();
    assertThat(stamp.newerThan(Made.stamp(0, 3, 5, 0))).isFalse();
    assertThat(stamp.newerThan(Made.stamp(0, 4, 0, 0))).isFalse();
  }
}
