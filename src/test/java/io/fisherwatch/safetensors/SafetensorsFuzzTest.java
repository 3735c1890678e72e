package io.fisherwatch.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Damaged files are refused with one kind of exception, or read consistently: never worse. */
class SafetensorsFuzzTest {

  private static final int FILES = 60_000;

  @Test
  void decode_mutatedFiles_givesTensorsOrSafetensorsException() {
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("layer.0.weight", Bytes.floats(new long[] {2, 3}, 1, 2, 3, 4, 5, 6));
    tensors.put("labels", Bytes.longs(7, -8, 9));
    tensors.put("none", Bytes.floats(new long[] {0, 5}));
    byte[] valid = SafetensorsWriter.encode(tensors);
    Random random = new Random(20261124);
    int refused = 0;
    for (int i = 0; i < FILES; i++) {
      byte[] mutated = mutate(valid, random);
      try {
        SafetensorsReader.decode(mutated, "fuzz").values().forEach(HostTensor::toDoubles);
      } catch (SafetensorsException e) {
        refused++;
        assertThat(e.getMessage()).doesNotContain("\n").startsWith("fuzz: ");
      } catch (Throwable e) {
        throw new AssertionError("mutation " + i + " gave " + e, e);
      }
    }
    assertThat(refused).isBetween(FILES / 3, FILES - FILES / 20); // both kinds were met
  }

  private static byte[] mutate(byte[] valid, Random random) {
    byte[] bytes = valid.clone();
    int header = Math.min(bytes.length, 8 + 180);
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      int at = random.nextInt(random.nextInt(8) == 0 ? bytes.length : header);
      switch (random.nextInt(5)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        case 2 -> bytes[at] = (byte) "{}[]\",:0123456789-.eE".charAt(random.nextInt(21));
        case 3 -> { // copy a piece over another
          int length = Math.min(random.nextInt(40), bytes.length - at);
          System.arraycopy(bytes, random.nextInt(bytes.length - length), bytes, at, length);
        }
        default -> {
          if (random.nextInt(10) == 0) {
            bytes = Arrays.copyOf(bytes, Math.max(header, random.nextInt(400)));
          }
        }
      }
    }
    return bytes;
  }
}
