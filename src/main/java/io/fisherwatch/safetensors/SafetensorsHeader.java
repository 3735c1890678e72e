package io.fisherwatch.safetensors;

import static io.fisherwatch.safetensors.SafetensorsException.oneLine;
import static io.fisherwatch.safetensors.SafetensorsException.quote;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Parses and checks the JSON header of a safetensors file. What it lets through is consistent: the
 * tensors fill the data section one after the other, without a hole or an overlap, each with as
 * many bytes as its shape and dtype need.
 */
final class SafetensorsHeader {

  /** Bytes of the length that stands before the header. */
  static final int LENGTH_BYTES = 8;

  /** The format's own limit of the header. */
  static final int LONGEST = 100_000_000;

  /** Enough for 50,000 tensors. */
  private static final long MOST_TOKENS = 1_000_000;

  /** What PyTorch takes. */
  private static final int MOST_DIMENSIONS = 64;

  static final String METADATA = "__metadata__";

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(8)
                  .maxNumberLength(20)
                  .maxNameLength(50_000)
                  // what is kept of a header in memory is many times its text
                  .maxTokenCount(MOST_TOKENS)
                  .build())
          .build();

  private final String what;
  private final JsonParser json;

  private SafetensorsHeader(String what, JsonParser json) {
    this.what = what;
    this.json = json;
  }

  /**
   * Checks the header's length, which is all that may be trusted before memory is set aside.
   *
   * @param declared what the file's first eight bytes say
   * @param available how many bytes follow them
   */
  static int checkedLength(String what, long declared, long available) throws SafetensorsException {
    if (declared < 2 || declared > LONGEST) {
      throw new SafetensorsException(
          what,
          "its header would take "
              + Long.toUnsignedString(declared)
              + " bytes; 2 to "
              + LONGEST
              + " are allowed");
    }
    if (declared > available) {
      throw new SafetensorsException(
          what, "its header should take " + declared + " bytes, but only " + available + " follow");
    }
    return (int) declared;
  }

  /**
   * The tensors in the order of their bytes.
   *
   * @param header the JSON text
   * @param dataBytes how many bytes follow it
   */
  static List<TensorInfo> parse(String what, byte[] header, long dataBytes)
      throws SafetensorsException {
    if (header[0] != '{') {
      throw new SafetensorsException(what, "its header does not begin with {");
    }
    List<TensorInfo> tensors;
    // a decoder that reports: the parser's own guess of the encoding would accept more than UTF-8
    try (JsonParser json =
        JSON.createParser(
            new InputStreamReader(
                new ByteArrayInputStream(header), StandardCharsets.UTF_8.newDecoder()))) {
      tensors = new SafetensorsHeader(what, json).tensors();
    } catch (SafetensorsException e) {
      throw e;
    } catch (CharacterCodingException e) {
      throw new SafetensorsException(what, "its header is not UTF-8");
    } catch (JsonProcessingException e) {
      throw new SafetensorsException(
          what, "its header is not the JSON it should be: " + oneLine(e.getOriginalMessage()));
    } catch (IOException e) {
      throw new SafetensorsException(what, "its header cannot be read: " + oneLine(e.toString()));
    }
    // stable: tensors without elements keep the header's order
    tensors.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
    long next = 0;
    for (TensorInfo tensor : tensors) {
      if (tensor.begin() != next) {
        throw new SafetensorsException(
            what,
            "tensor "
                + quote(tensor.name())
                + " begins at byte "
                + tensor.begin()
                + " of the data, where "
                + next
                + " would follow on the tensor before it");
      }
      next = tensor.end();
    }
    if (next != dataBytes) {
      throw new SafetensorsException(
          what, "its tensors take " + next + " bytes, but the file holds " + dataBytes);
    }
    return List.copyOf(tensors);
  }

  private List<TensorInfo> tensors() throws IOException {
    expect(json.nextToken(), JsonToken.START_OBJECT, "the header");
    List<TensorInfo> tensors = new ArrayList<>();
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      expect(json.nextToken(), JsonToken.START_OBJECT, "the entry " + quote(name));
      if (name.equals(METADATA)) {
        json.skipChildren();
      } else {
        tensors.add(tensor(name));
      }
    }
    expect(json.currentToken(), JsonToken.END_OBJECT, "the end of the header");
    if (json.nextToken() != null) {
      throw new SafetensorsException(what, "something other than spaces follows its header's JSON");
    }
    return tensors;
  }

  private TensorInfo tensor(String name) throws IOException {
    String where = "tensor " + quote(name);
    Dtype dtype = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    for (String field = json.nextFieldName(); field != null; field = json.nextFieldName()) {
      JsonToken value = json.nextToken();
      switch (field) {
        case "dtype" -> {
          expect(value, JsonToken.VALUE_STRING, where + ", dtype");
          dtype = dtype(json.getText(), where);
        }
        case "shape" -> shape = longs(value, where + ", shape");
        case "data_offsets" -> offsets = longs(value, where + ", data_offsets");
        default ->
            throw new SafetensorsException(what, where + " has an unknown field " + quote(field));
      }
    }
    if (dtype == null || shape == null || offsets == null) {
      throw new SafetensorsException(what, where + " lacks dtype, shape or data_offsets");
    }
    if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
      throw new SafetensorsException(
          what, where + " has data_offsets " + shown(offsets) + ", not [begin, end]");
    }
    TensorInfo tensor = new TensorInfo(name, dtype, shape, offsets.get(0), offsets.get(1));
    if (tensor.bytes() != bytes(dtype, shape)) {
      throw new SafetensorsException(
          what,
          where + " has " + tensor.bytes() + " bytes, which " + dtype + shown(shape) + " does not");
    }
    return tensor;
  }

  private Dtype dtype(String text, String where) throws SafetensorsException {
    for (Dtype dtype : Dtype.values()) {
      if (dtype.name().equals(text)) {
        return dtype;
      }
    }
    throw new SafetensorsException(
        what, where + " has dtype " + quote(text) + "; known are " + List.of(Dtype.values()));
  }

  private List<Long> longs(@Nullable JsonToken value, String where) throws IOException {
    expect(value, JsonToken.START_ARRAY, where);
    List<Long> longs = new ArrayList<>();
    while (json.nextToken() == JsonToken.VALUE_NUMBER_INT) {
      longs.add(json.getLongValue());
      if (longs.size() > MOST_DIMENSIONS) {
        throw new SafetensorsException(
            what, where + " has more than " + MOST_DIMENSIONS + " numbers");
      }
      if (longs.get(longs.size() - 1) < 0) {
        throw new SafetensorsException(what, where + " holds a negative number");
      }
    }
    expect(json.currentToken(), JsonToken.END_ARRAY, where + " after its integers");
    return longs;
  }

  /** What the shape needs, or −1 if that is more than a long can say. */
  private static long bytes(Dtype dtype, List<Long> shape) {
    try {
      long elements = 1;
      for (long size : shape) {
        elements = Math.multiplyExact(elements, size);
      }
      return Math.multiplyExact(elements, (long) dtype.bytes());
    } catch (ArithmeticException e) {
      return -1;
    }
  }

  private static String shown(List<Long> numbers) {
    return numbers.size() <= 16 ? numbers.toString() : "[" + numbers.size() + " numbers]";
  }

  private void expect(@Nullable JsonToken found, JsonToken expected, String where)
      throws SafetensorsException {
    if (found != expected) {
      throw new SafetensorsException(
          what, where + " should be " + expected + " in the JSON, not " + found);
    }
  }
}
