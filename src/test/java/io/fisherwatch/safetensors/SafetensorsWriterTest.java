package io.fisherwatch.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsWriterTest {

  @ParameterizedTest
  @EnumSource(Dtype.class)
  void encode_thenDecode_givesTheSameBytes(Dtype dtype) throws IOException {
    byte[] data = new byte[6 * dtype.bytes()];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) (37 * i);
    }
    HostTensor tensor = HostTensor.of(dtype, new long[] {3, 2}, ByteBuffer.wrap(data));
    HostTensor back =
        Bytes.get(
            SafetensorsReader.decode(SafetensorsWriter.encode(Map.of("t", tensor)), "x"), "t");
    assertThat(back.dtype()).isEqualTo(dtype);
    assertThat(back.shape()).containsExactly(3, 2);
    assertThat(back.data()).isEqualTo(tensor.data());
  }

  @Test
  void encode_unusualNames_comeBack() throws IOException {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("", Bytes.longs(1));
    tensors.put("größe \"x\"\n\\", Bytes.longs(2));
    tensors.put("😀", Bytes.longs(3));
    assertThat(SafetensorsReader.decode(SafetensorsWriter.encode(tensors), "x").keySet())
        .containsExactlyElementsOf(tensors.keySet());
  }

  @Test
  void write_anyMetadata_alignsTheDataAndSortsTheKeys() throws IOException {
    for (int length = 0; length < 9; length++) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      Map<String, String> metadata = new LinkedHashMap<>();
      metadata.put("z", "x".repeat(length));
      metadata.put("a", "1");
      SafetensorsWriter.write(out, metadata, List.of());
      assertThat(out.size() % 8).isZero();
      assertThat(out.toString(StandardCharsets.UTF_8)).contains("{\"a\":\"1\",\"z\":");
      assertThat(SafetensorsReader.decode(out.toByteArray(), "x")).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {7, 9})
  void write_sourceOfAnotherLength_fails(int bytes) {
    assertThatThrownBy(
            () ->
                SafetensorsWriter.write(
                    OutputStream.nullOutputStream(), Map.of(), List.of(source("w", bytes))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("should have 8 bytes")
        .hasMessageContaining("wrote " + bytes);
  }

  @Test
  void write_nameTwice_fails() {
    assertThatThrownBy(
            () ->
                SafetensorsWriter.write(
                    OutputStream.nullOutputStream(),
                    Map.of(),
                    List.of(source("w", 8), source("w", 8))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two tensors named \"w\"");
  }

  private static TensorSource source(String name, int bytes) {
    return new TensorSource() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public Dtype dtype() {
        return Dtype.F64;
      }

      @Override
      public long[] shape() {
        return new long[] {1};
      }

      @Override
      public void writeTo(OutputStream out) throws IOException {
        out.write(new byte[bytes]);
      }
    };
  }
}
