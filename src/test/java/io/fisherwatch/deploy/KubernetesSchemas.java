package io.fisherwatch.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.lang.reflect.InvocationTargetException;
import java.util.Map;
import java.util.Optional;

/**
 * What the API server would say to an object's shape: fields that do not exist, fields that are
 * missing, values of another type. The core's from Kubernetes' own Java client, the operator's from
 * fabric8's types.
 */
final class KubernetesSchemas {

  private static final Map<String, String> GROUPS =
      Map.of(
          "v1", "io.kubernetes.client.openapi.models.V1",
          "apps/v1", "io.kubernetes.client.openapi.models.V1",
          "batch/v1", "io.kubernetes.client.openapi.models.V1",
          "policy/v1", "io.kubernetes.client.openapi.models.V1",
          "networking.k8s.io/v1", "io.kubernetes.client.openapi.models.V1",
          "monitoring.coreos.com/v1", "io.fabric8.openshift.api.model.monitoring.v1.");

  /** Their types keep what they do not know; here it is an error. */
  private static final ObjectMapper STRICT =
      new ObjectMapper()
          .setAnnotationIntrospector(
              new JacksonAnnotationIntrospector() {
                private static final long serialVersionUID = 1L;

                @Override
                public Boolean hasAnySetter(Annotated annotated) {
                  return false;
                }
              });

  private KubernetesSchemas() {}

  /** The first mistake in an object, empty if there is none. */
  static Optional<String> mistake(JsonNode object) {
    String prefix = GROUPS.get(object.path("apiVersion").asText());
    String kind = object.path("kind").asText();
    if (prefix == null) {
      return Optional.of("unknown apiVersion " + object.path("apiVersion"));
    }
    try {
      Class<?> type = Class.forName(prefix + kind);
      if (prefix.startsWith("io.fabric8")) {
        STRICT.treeToValue(object, type);
      } else {
        type.getMethod("validateJsonElement", JsonElement.class)
            .invoke(null, JsonParser.parseString(object.toString()));
      }
      return Optional.empty();
    } catch (JsonProcessingException e) {
      return Optional.of(kind + ": " + e.getOriginalMessage());
    } catch (InvocationTargetException e) {
      return Optional.of(kind + ": " + e.getCause().getMessage());
    } catch (ReflectiveOperationException e) {
      return Optional.of("unknown kind " + kind);
    }
  }
}
