package io.fisherwatch.share;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.fisherwatch.monitor.MonitorShare;
import io.fisherwatch.safetensors.HostTensor;
import io.fisherwatch.safetensors.SafetensorsReader;
import io.fisherwatch.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShareCodecTest {

  private static final ShareStamp STAMP = Made.stamp(7, 3, 4, 2);

  private static List<ShareRecord> records() {
    return ShareCodec.encode(STAMP, Made.share(4, 2));
  }

  private static ShareRecord header() {
    return records().get(2 + 1);
  }

  private static void assertRefused(ShareRecord shared, String reason) {
    RunParts parts = new RunParts("run");
    assertThatExceptionOfType(ShareException.class)
        .isThrownBy(
            () -> {
              for (ShareRecord one : records().subList(0, 3)) {
                parts.add(one);
              }
              parts.add(shared);
            })
        .withMessageContaining(reason)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    assertThat(parts.parts()).isEmpty();
  }

  @Test
  void encode_layersThenHeader_underTheirKeys() {
    assertThat(records())
        .extracting(ShareRecord::key)
        .containsExactly("run/7/_total", "run/7/body", "run/7/head", "run/7/");
  }

  @Test
  void encode_namesWithSlashes_haveKeysOfTheirOwn() throws ShareException {
    List<String> layers = List.of("a/b", "a%2Fb", "%", "a%252Fb", "ä/ü/", "a b");
    MonitorShare share = Made.share(layers, 4, 2);
    List<ShareRecord> records = ShareCodec.encode(STAMP, share);
    assertThat(records.stream().map(ShareRecord::key).distinct()).hasSize(8);
    assertThat(records.get(1).key()).isEqualTo("run/7/a%2Fb");
    RunParts parts = new RunParts("run");
    for (ShareRecord one : records) {
      assertThat(ShareCodec.run(one.key())).isEqualTo("run");
      parts.add(one);
    }
    assertThat(parts.parts().get(0).share().layers()).isEqualTo(share.layers());
    assertThat(parts.parts().get(0).share().figures()).isEqualTo(share.figures());
  }

  @Test
  void encode_layerOfTheTotalsName_isRefused() {
    MonitorShare share = Made.share(List.of("a", "_total"), 4, 2);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShareCodec.encode(STAMP, share))
        .withMessageContaining("_total");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "run",
        "run/1",
        "/1/a",
        "run/-1/a",
        "run/01/a",
        "run/x/a",
        "run/1/a/b",
        "run/1/a%b",
        "run/1/%2f",
        "run/99999999999/a",
        "run/+1/a",
        "//"
      })
  void run_malformedKey_isRefused(String key) {
    assertThatExceptionOfType(ShareException.class)
        .isThrownBy(() -> ShareCodec.run(key))
        .withMessageContaining("key");
    assertRefused(new ShareRecord(key, header().value()), "key");
  }

  @Test
  void add_stampOfAnotherPart_isRefused() {
    assertRefused(new ShareRecord("run/8/", header().value()), "is of run \"run\", partition 7");
  }

  @Test
  void add_layerAtAHeadersKey_isRefused() {
    assertRefused(new ShareRecord("run/7/", records().get(0).value()), "has no tensor stamp");
    assertRefused(new ShareRecord("run/7/body", header().value()), "has no tensor version");
  }

  @Test
  void add_tooLarge_isRefusedUnread() {
    assertRefused(new ShareRecord("run/7/body", new byte[40_000]), "40000 bytes, more than");
    assertRefused(new ShareRecord("run/7/", new byte[1 << 25]), "33554432 bytes, more than");
  }

  private static ShareRecord headerWith(String name, HostTensor tensor) throws IOException {
    Map<String, HostTensor> tensors =
        new LinkedHashMap<>(SafetensorsReader.decode(header().value(), "header"));
    tensors.put(name, tensor);
    return new ShareRecord("run/7/", SafetensorsWriter.encode(tensors));
  }

  @ParameterizedTest
  @CsvSource({
    "partition, -1, partition -1",
    "decay, 1.5, decay 1.5",
    "decay, '\"NaN\"', decay NaN",
    "ordinal, -2, ordinal -2",
    "sequence, -1, sequence -1",
    "agent, 3e, is not what it should be",
    "ordinal, null, is not what it should be",
    "run, '\"a/b\"', run is",
  })
  void add_stampOutOfRange_isRefused(String field, String value, String reason) throws IOException {
    Map<String, HostTensor> tensors = SafetensorsReader.decode(header().value(), "header");
    byte[] json = new byte[(int) tensors.get("stamp").elements()];
    tensors.get("stamp").data().get(json);
    String text = new String(json, java.nio.charset.StandardCharsets.UTF_8);
    String changed = text.replaceFirst("\"" + field + "\":[^,}]+", "\"" + field + "\":" + value);
    assertThat(changed).isNotEqualTo(text);
    assertRefused(headerWith("stamp", Made.text(changed)), reason);
  }

  @Test
  void add_stampWithMore_isRead() throws IOException, ShareException {
    Map<String, HostTensor> tensors = SafetensorsReader.decode(header().value(), "header");
    byte[] json = new byte[(int) tensors.get("stamp").elements()];
    tensors.get("stamp").data().get(json);
    String text = new String(json, java.nio.charset.StandardCharsets.UTF_8);
    String more = "{\"ofALaterVersion\":[1]," + text.substring(1);
    ShareCodec.Content content = ShareCodec.decode(headerWith("stamp", Made.text(more)));
    assertThat(content.stamp()).isEqualTo(STAMP);
  }

  @Test
  void add_headerOutOfRange_isRefused() throws IOException {
    assertRefused(headerWith("layer-of", Made.longs(0, 2)), "layer 2 is not among the 2");
    assertRefused(headerWith("layer-of", Made.longs(1, 0)), "the layers are not those");
    assertRefused(headerWith("layers", Made.text("body")), "does not end");
    assertRefused(headerWith("dimensions", Made.longs(3)), "are not all there");
    assertRefused(headerWith("dimensions", Made.longs(3, 3, 3)), "more dimensions");
    assertRefused(headerWith("dimensions", Made.longs(3, -3)), "has the shape [-3]");
    assertRefused(headerWith("dimensions", Made.longs(3, Long.MAX_VALUE)), "can be counted");
    assertRefused(headerWith("ranks", Made.longs(3, -1)), "are not all there");
    assertRefused(headerWith("ranks", Made.longs(1L << 40, 1)), "can be counted");
    assertRefused(headerWith("aliases", Made.texts(List.of())), "0 aliases are of 1");
    assertRefused(headerWith("estimator", Made.text("magic")), "no estimator magic");
    assertRefused(headerWith("distribution", Made.text("magic")), "no distribution magic");
    assertRefused(headerWith("plan", Made.longs(1L << 40, 2, 1, 0)), "1099511627776");
    assertRefused(headerWith("counts", Made.longs(-1, 2, 1, 0)), "-1");
    assertRefused(headerWith("non-finite", Made.longs(0, 0, -5)), "-5");
    assertRefused(headerWith("covered", Made.longs(1)), "covered");
    assertRefused(headerWith("core", Made.doubles(1, 1, 2)), "core");
    assertRefused(headerWith("steps", Made.doubles(1, -1, 1, 0, 0)), "weight");
    assertRefused(headerWith("steps", Made.doubles(1, Double.NaN, 1, 0, 0)), "weight");
  }

  /** Whatever arrives, it is read or refused with a reason. */
  @Test
  void add_bytesChanged_isReadOrRefused() {
    Random random = new Random(1);
    List<ShareRecord> records = records();
    int refused = 0;
    for (int trial = 0; trial < 20_000; trial++) {
      RunParts parts = new RunParts("run");
      int broken = random.nextInt(records.size());
      try {
        for (int i = 0; i < records.size(); i++) {
          ShareRecord one = records.get(i);
          parts.add(i == broken ? new ShareRecord(one.key(), changed(one.value(), random)) : one);
        }
        parts.merge(1);
      } catch (ShareException e) {
        assertThat(e.getMessage()).isNotBlank();
        refused++;
      }
    }
    assertThat(refused).isBetween(1_000, 19_999);
  }

  private static byte[] changed(byte[] value, Random random) {
    byte[] changed =
        random.nextInt(10) == 0
            ? java.util.Arrays.copyOf(value, random.nextInt(value.length))
            : value.clone();
    for (int i = 0; i <= random.nextInt(3) && changed.length > 0; i++) {
      changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
    }
    return changed;
  }
}
