package io.fisherwatch.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsReaderTest {

  /** One F32[2] tensor "w" = (1, −2), byte for byte. */
  private static final byte[] GOLDEN =
      HexFormat.of()
          .parseHex(
              "3800000000000000"
                  + "7b2277223a7b226474797065223a22463332222c227368617065223a5b325d2c"
                  + "22646174615f6f666673657473223a5b302c385d7d7d2020"
                  + "0000803f000000c0");

  @TempDir Path folder;

  @Test
  void decode_goldenBytes_givesTheTensor() throws IOException {
    Map<String, HostTensor> tensors = SafetensorsReader.decode(GOLDEN, "golden");
    assertThat(tensors).containsOnlyKeys("w");
    assertThat(Bytes.get(tensors, "w").dtype()).isEqualTo(Dtype.F32);
    assertThat(Bytes.get(tensors, "w").shape()).containsExactly(2);
    assertThat(Bytes.get(tensors, "w").toDoubles()).containsExactly(1, -2);
  }

  @Test
  void encode_goldenTensor_givesTheGoldenBytes() {
    assertThat(SafetensorsWriter.encode(Map.of("w", Bytes.floats(new long[] {2}, 1, -2))))
        .isEqualTo(GOLDEN);
  }

  @Test
  void decode_metadataAndSpaces_ignoresThem() throws IOException {
    byte[] file =
        Bytes.file(
            "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"U8\",\"shape\":[],"
                + "\"data_offsets\":[0,1]}}    ",
            1);
    assertThat(SafetensorsReader.decode(file, "x")).containsOnlyKeys("a");
  }

  @Test
  void decode_headerInAnotherOrder_givesTheFilesOrder() throws IOException {
    byte[] file =
        Bytes.file(
            "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
                + "\"a\":{\"data_offsets\":[0,1],\"shape\":[1,1],\"dtype\":\"I8\"},"
                + "\"c\":{\"dtype\":\"F64\",\"shape\":[4,0],\"data_offsets\":[3,3]}}",
            3);
    Map<String, HostTensor> tensors = SafetensorsReader.decode(file, "x");
    assertThat(tensors.keySet()).containsExactly("a", "b", "c");
    assertThat(Bytes.get(tensors, "b").toLongs()).containsExactly(1, 2);
    assertThat(Bytes.get(tensors, "c").elements()).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "hole|{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}|begins at byte 1",
        "tail|{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}|take 1 bytes, but the"
            + " file holds 2",
        "overlap|{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}|begins"
            + " at byte 1",
        "outside|{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}|take 3 bytes",
        "size|{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,2]}}|has 2 bytes, which"
            + " F32[1] does not",
        "overflow|{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}|does"
            + " not",
        "negative|{\"a\":{\"dtype\":\"U8\",\"shape\":[-2],\"data_offsets\":[0,2]}}|negative",
        "backwards|{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,0]}}|not [begin, end]",
        "fraction|{\"a\":{\"dtype\":\"U8\",\"shape\":[2.0],\"data_offsets\":[0,2]}}|VALUE_NUMBER_FLOAT",
        "big|{\"a\":{\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,2]}}|out"
            + " of range",
        "dtype|{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}|known are",
        "twice|{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}|Duplicate",
        "shape twice|{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"shape\":[2],\"data_offsets\":[0,2]}}|Duplicate",
        "lacking|{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,2]}}|lacks",
        "unknown|{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"x\":1}}|unknown",
        "array|[1]|does not begin with {",
        "more|{} {}|follows",
        "null|{\"a\":null}|should be START_OBJECT",
        "cut|{\"a\":{\"dtype\":\"U8\"|not the JSON",
        "deep|{\"__metadata__\":{\"a\":[[[[[[[[[[]]]]]]]]]]}}|not the JSON",
      })
  void decode_malformedHeader_saysWhatIsWrong(String name, String header, String message) {
    assertThatThrownBy(() -> SafetensorsReader.decode(Bytes.file(header, 2), "run/w.safetensors"))
        .as(name)
        .isInstanceOf(SafetensorsException.class)
        .hasMessageStartingWith("run/w.safetensors: ")
        .hasMessageContaining(message)
        .extracting(Throwable::getMessage)
        .satisfies(text -> assertThat(text).doesNotContain("\n"));
  }

  @ParameterizedTest
  @CsvSource({"-1", "0", "1", "100000001", "9223372036854775807", "3"})
  void decode_headerLengthOutOfRange_isRefused(long length) {
    byte[] file = Bytes.file("{}", 0);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
    assertThatThrownBy(() -> SafetensorsReader.decode(file, "x"))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("header");
  }

  @Test
  void decode_headerOfMillionsOfTokens_isRefused() {
    String zeros = "0,".repeat(2_000_000);
    byte[] file = Bytes.file("{\"__metadata__\":{\"a\":[" + zeros + "0]}}", 0);
    assertThatThrownBy(() -> SafetensorsReader.decode(file, "x"))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("Token count");
  }

  @Test
  void decode_moreDimensionsThanAnEngineTakes_isRefused() {
    String ones = "1,".repeat(64);
    byte[] file =
        Bytes.file(
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + ones + "1],\"data_offsets\":[0,1]}}", 1);
    assertThatThrownBy(() -> SafetensorsReader.decode(file, "x"))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("more than 64");
  }

  @Test
  void decode_invalidUtf8_isRefused() {
    byte[] file = Bytes.file("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
    file[10] = (byte) 0xff;
    assertThatThrownBy(() -> SafetensorsReader.decode(file, "x"))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("UTF-8");
  }

  @Test
  void decode_nameWithLineEnd_isShownInOneLine() {
    byte[] file =
        Bytes.file("{\"a\\nb\":{\"dtype\":\"U9\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
    assertThatThrownBy(() -> SafetensorsReader.decode(file, "x"))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("\"a b\"")
        .hasMessageNotContaining("\n");
  }

  @Test
  void read_tensorOfAFile_equalsWhatWasWritten() throws IOException {
    try (SafetensorsReader reader = SafetensorsReader.open(twoTensors())) {
      assertThat(reader.tensors()).extracting(TensorInfo::name).containsExactly("a", "b");
      assertThat(reader.read("a").toDoubles()).containsExactly(1, 2, 3, 4, 5, 6);
      assertThat(reader.read("b").toLongs()).containsExactly(7, -8);
      assertThat(reader.find("b").orElseThrow().shape()).containsExactly(2L);
      assertThat(reader.find("c")).isEmpty();
    }
  }

  @Test
  void read_unknownName_namesIt() throws IOException {
    try (SafetensorsReader reader = SafetensorsReader.open(twoTensors())) {
      assertThatThrownBy(() -> reader.read("c"))
          .isInstanceOf(SafetensorsException.class)
          .hasMessageContaining("no tensor \"c\"");
    }
  }

  @Test
  void stream_smallChunks_coverTheTensorInOrder() throws IOException {
    List<Long> offsets = new ArrayList<>();
    List<Float> values = new ArrayList<>();
    try (SafetensorsReader reader = SafetensorsReader.open(twoTensors())) {
      reader.stream(
          reader.find("a").orElseThrow(),
          16,
          (offset, chunk) -> {
            assertThat(chunk.isDirect()).isTrue();
            assertThat(chunk.position()).isZero();
            offsets.add(offset);
            while (chunk.hasRemaining()) {
              values.add(chunk.getFloat());
            }
          });
    }
    assertThat(offsets).containsExactly(0L, 4L);
    assertThat(values).containsExactly(1f, 2f, 3f, 4f, 5f, 6f);
  }

  @Test
  void streamAll_wholeFile_digestsWhatItHandsOut() throws Exception {
    Path file = twoTensors();
    ByteArrayOutputStream seen = new ByteArrayOutputStream();
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      String digest =
          reader.streamAll(
              8,
              (tensor, offset, chunk) -> {
                byte[] bytes = new byte[chunk.remaining()];
                chunk.get(bytes);
                seen.write(bytes);
              });
      byte[] all = Files.readAllBytes(file);
      assertThat(digest)
          .isEqualTo(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(all)))
          .isEqualTo(SafetensorsReader.sha256(file));
      assertThat(all).endsWith(seen.toByteArray());
    }
  }

  @Test
  void streamAll_dataChangedAfterOpening_givesAnotherDigest() throws IOException {
    Path file = twoTensors();
    String before = SafetensorsReader.sha256(file);
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      byte[] bytes = Files.readAllBytes(file);
      bytes[bytes.length - 1] ^= 1;
      Files.write(file, bytes);
      assertThat(reader.streamAll(64, (tensor, offset, chunk) -> {})).isNotEqualTo(before);
    }
  }

  @Test
  void streamAll_fileCutWhileOpen_isRefused() throws IOException {
    Path file = twoTensors();
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      byte[] bytes = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(bytes, bytes.length - 4));
      assertThatThrownBy(() -> reader.streamAll(64, (tensor, offset, chunk) -> {}))
          .isInstanceOf(SafetensorsException.class)
          .hasMessageContaining("shrank");
    }
  }

  @Test
  void stream_chunkNotAMultipleOfEight_isRefused() throws IOException {
    try (SafetensorsReader reader = SafetensorsReader.open(twoTensors())) {
      assertThatThrownBy(() -> reader.streamAll(12, (tensor, offset, chunk) -> {}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("12");
    }
  }

  @Test
  void open_emptyFile_isRefused() throws IOException {
    Path file = Files.createFile(folder.resolve("empty"));
    assertThatThrownBy(() -> SafetensorsReader.open(file))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("too few");
  }

  private Path twoTensors() throws IOException {
    Path file = folder.resolve("two.safetensors");
    try (var out = Files.newOutputStream(file)) {
      SafetensorsWriter.write(
          out,
          Map.of("step", "12"),
          List.of(
              TensorSource.of("a", Bytes.floats(new long[] {2, 3}, 1, 2, 3, 4, 5, 6)),
              TensorSource.of("b", Bytes.longs(7, -8))));
    }
    return file;
  }

  @Test
  void read_ofAPiece_isThatPieceAndNoMore() throws Exception {
    Path file = folder.resolve("pieces.safetensors");
    byte[] bytes = {1, 2, 3, 4, 5, 6, 7, 8};
    HostTensor first = HostTensor.of(Dtype.U8, new long[] {3}, ByteBuffer.wrap(new byte[3]));
    HostTensor tensor = HostTensor.of(Dtype.I16, new long[] {4}, ByteBuffer.wrap(bytes));
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("first", first);
    tensors.put("x", tensor);
    Files.write(file, SafetensorsWriter.encode(tensors));
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      TensorInfo info = reader.find("x").orElseThrow();
      ByteBuffer piece = ByteBuffer.allocate(8).limit(5).position(1);
      reader.read(info, 1, piece);
      assertThat(piece.array()).containsExactly(0, 3, 4, 5, 6, 0, 0, 0);
      assertThat(piece.hasRemaining()).isFalse();
      assertThatThrownBy(() -> reader.read(info, 3, ByteBuffer.allocate(4)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> reader.read(info, -1, ByteBuffer.allocate(2)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
