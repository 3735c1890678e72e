package io.fisherwatch.event;

import static org.assertj.core.api.Assertions.assertThat;

import io.fisherwatch.event.EventMessage.Header;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Damaged messages are rejected with one kind of exception, or decoded: never worse. */
class CodecFuzzTest {

  private static final int MESSAGES = 40_000;

  @Test
  void decode_mutatedMessages_givesEventOrRejectedEvent() {
    List<EventMessage> valid = new ArrayList<>();
    for (TrainingEvent event : CloudEventCodecTest.events()) {
      valid.add(CloudEventCodec.encode(event));
      valid.add(CloudEventCodec.encodeStructured(event));
    }
    Random random = new Random(7);
    int rejected = 0;
    for (int i = 0; i < MESSAGES; i++) {
      EventMessage message = mutate(valid.get(i % valid.size()), random);
      try {
        CloudEventCodec.decode(message);
      } catch (RejectedEventException e) {
        rejected++;
        assertThat(e.getMessage()).doesNotContain("\n");
      } catch (Throwable e) {
        throw new AssertionError("mutation " + i + " gave " + e, e);
      }
      assertThat(CloudEventCodec.typeOf(message)).isNotNull();
    }
    assertThat(rejected).isBetween(MESSAGES / 4, MESSAGES - MESSAGES / 50);
  }

  private static EventMessage mutate(EventMessage message, Random random) {
    List<Header> headers = new ArrayList<>();
    for (Header header : message.headers()) {
      int change = random.nextInt(20);
      if (change == 0) {
        headers.add(new Header(header.name(), mutate(header.value(), random)));
      } else if (change != 1) {
        headers.add(header);
      }
    }
    return new EventMessage(
        random.nextInt(50) == 0 ? null : message.key(), mutate(message.value(), random), headers);
  }

  private static byte @Nullable [] mutate(byte @Nullable [] bytes, Random random) {
    if (bytes == null || random.nextInt(100) == 0) {
      return null;
    }
    byte[] mutated = bytes.clone();
    for (int changes = random.nextInt(3); changes > 0 && mutated.length > 0; changes--) {
      int at = random.nextInt(mutated.length);
      mutated[at] =
          (byte)
              (random.nextBoolean()
                  ? random.nextInt(256)
                  : "{}[]\",:0123456789-.null".charAt(random.nextInt(23)));
    }
    return mutated;
  }
}
