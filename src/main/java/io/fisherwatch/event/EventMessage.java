package io.fisherwatch.event;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An event as it travels: a key, a value and headers, any of which may be missing. The arrays are
 * not copied and must not be changed.
 */
public final class EventMessage {

  private final byte @Nullable [] key;
  private final byte @Nullable [] value;
  private final List<Header> headers;

  /** A message of these parts; of headers with the same name the last counts. */
  public EventMessage(byte @Nullable [] key, byte @Nullable [] value, List<Header> headers) {
    this.key = key;
    this.value = value;
    this.headers = List.copyOf(headers);
  }

  /** The key, which is the run's name in UTF-8. */
  public byte @Nullable [] key() {
    return key;
  }

  /** The body. */
  public byte @Nullable [] value() {
    return value;
  }

  /** The headers in their order. */
  public List<Header> headers() {
    return headers;
  }

  /** The value of the last header of this name, as UTF-8. */
  Optional<String> header(String name) {
    Optional<String> last = Optional.empty();
    for (Header header : headers) {
      if (header.name.equals(name)) {
        last = header.text();
      }
    }
    return last;
  }

  /** A named value, which may be missing. */
  public static final class Header {

    private final String name;
    private final byte @Nullable [] value;

    /** A header; the array is not copied. */
    public Header(String name, byte @Nullable [] value) {
      this.name = name;
      this.value = value;
    }

    /** A header that holds text, as UTF-8. */
    public static Header of(String name, String text) {
      return new Header(name, text.getBytes(StandardCharsets.UTF_8));
    }

    /** The name. */
    public String name() {
      return name;
    }

    /** The value. */
    public byte @Nullable [] value() {
      return value;
    }

    /** The value as UTF-8. */
    Optional<String> text() {
      return Optional.ofNullable(value).map(bytes -> new String(bytes, StandardCharsets.UTF_8));
    }
  }
}
