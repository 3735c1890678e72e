package io.fisherwatch.event;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * The fields of a JSON object, read strictly. Unknown fields are left alone, so that a newer sender
 * can say more; a field of the wrong type is an error that names its path. {@code null} is the same
 * as absent.
 */
final class JsonFields {

  /** Reads JSON of limited depth, in which no name comes twice. */
  static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(32)
                          .maxNumberLength(40)
                          // a tree takes many times the memory of its text
                          .maxTokenCount(100_000)
                          // a batch of 64 MiB in base64 is one string
                          .maxStringLength(100_000_000)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final String path;
  private final JsonNode node;

  private JsonFields(String path, JsonNode node) {
    this.path = path;
    this.node = node;
  }

  static JsonFields parse(byte[] json) throws RejectedEventException {
    JsonNode root;
    try {
      root = MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw undecodable("the body is not JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw undecodable("the body is not JSON: " + e.getMessage(), e);
    }
    if (!root.isObject()) {
      throw undecodable("the body is not a JSON object", null);
    }
    return new JsonFields("", root);
  }

  String string(String field) throws RejectedEventException {
    return optionalString(field).orElseThrow(() -> missing(field));
  }

  Optional<String> optionalString(String field) throws RejectedEventException {
    Optional<JsonNode> value = value(field);
    if (value.isPresent() && !value.get().isTextual()) {
      throw wrongType(field, "a string", value.get());
    }
    return value.map(JsonNode::textValue);
  }

  long longInteger(String field) throws RejectedEventException {
    JsonNode value = value(field).orElseThrow(() -> missing(field));
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw wrongType(field, "an integer", value);
    }
    return value.longValue();
  }

  Optional<Integer> optionalInteger(String field) throws RejectedEventException {
    Optional<JsonNode> value = value(field);
    if (value.isPresent() && !(value.get().isIntegralNumber() && value.get().canConvertToInt())) {
      throw wrongType(field, "an integer", value.get());
    }
    return value.map(JsonNode::intValue);
  }

  OptionalDouble optionalNumber(String field) throws RejectedEventException {
    Optional<JsonNode> value = value(field);
    if (value.isPresent() && !value.get().isNumber()) {
      throw wrongType(field, "a number", value.get());
    }
    return value.isPresent()
        ? OptionalDouble.of(value.get().doubleValue())
        : OptionalDouble.empty();
  }

  JsonFields object(String field) throws RejectedEventException {
    return optionalObject(field).orElseThrow(() -> missing(field));
  }

  Optional<JsonFields> optionalObject(String field) throws RejectedEventException {
    Optional<JsonNode> value = value(field);
    if (value.isPresent() && !value.get().isObject()) {
      throw wrongType(field, "an object", value.get());
    }
    return value.map(object -> new JsonFields(at(field), object));
  }

  List<String> strings(String field) throws RejectedEventException {
    List<String> strings = new ArrayList<>();
    JsonNode array = value(field).orElseThrow(() -> missing(field));
    if (!array.isArray()) {
      throw wrongType(field, "an array of strings", array);
    }
    for (JsonNode element : array) {
      if (!element.isTextual()) {
        throw wrongType(field + "[" + strings.size() + "]", "a string", element);
      }
      strings.add(element.textValue());
    }
    return strings;
  }

  /** The objects of an array; none if it is absent. */
  List<JsonFields> optionalObjects(String field, int most) throws RejectedEventException {
    Optional<JsonNode> array = value(field);
    List<JsonFields> objects = new ArrayList<>();
    if (array.isEmpty()) {
      return objects;
    }
    if (!array.get().isArray()) {
      throw wrongType(field, "an array of objects", array.get());
    }
    if (array.get().size() > most) {
      throw undecodable(
          at(field) + " has " + array.get().size() + " elements; " + most + " are allowed", null);
    }
    for (JsonNode element : array.get()) {
      String name = field + "[" + objects.size() + "]";
      if (!element.isObject()) {
        throw wrongType(name, "an object", element);
      }
      objects.add(new JsonFields(at(name), element));
    }
    return objects;
  }

  /** Makes a value out of the fields; what its constructor refuses is told with this path. */
  <T> T as(ThrowingFunction<T> constructor) throws RejectedEventException {
    try {
      return constructor.apply(this);
    } catch (IllegalArgumentException e) {
      throw undecodable((path.isEmpty() ? "" : path + ": ") + e.getMessage(), e);
    }
  }

  static RejectedEventException undecodable(String message, @Nullable Throwable cause) {
    return new RejectedEventException("undecodable", message, cause);
  }

  private Optional<JsonNode> value(String field) {
    return Optional.ofNullable(node.get(field)).filter(value -> !value.isNull());
  }

  private String at(String field) {
    return path.isEmpty() ? field : path + "." + field;
  }

  private RejectedEventException missing(String field) {
    return undecodable(at(field) + " is missing", null);
  }

  private RejectedEventException wrongType(String field, String expected, JsonNode found) {
    return undecodable(
        at(field) + " is " + Checks.shown(found.toString()) + ", which should be " + expected,
        null);
  }

  /** A constructor that reads fields. */
  interface ThrowingFunction<T> {
    T apply(JsonFields fields) throws RejectedEventException;
  }
}
