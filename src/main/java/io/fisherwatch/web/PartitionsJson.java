package io.fisherwatch.web;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fisherwatch.snapshot.PartitionOwners;
import java.util.Optional;
import java.util.OptionalLong;

/** Who has which partition, as JSON. What is undefined is {@code null}. */
final class PartitionsJson {

  private PartitionsJson() {}

  static ObjectNode of(PartitionOwners owners, Optional<String> trouble) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("topic", owners.topic());
    json.put("group", owners.group());
    json.put("state", owners.state());
    json.put("ageSeconds", owners.ageSeconds());
    json.put("trouble", trouble.orElse(null));
    ArrayNode partitions = json.putArray("partitions");
    for (PartitionOwners.Partition partition : owners.partitions()) {
      ObjectNode entry = partitions.addObject();
      entry.put("partition", partition.partition());
      if (partition.owner().isPresent()) {
        owner(entry.putObject("owner"), partition.owner().get());
      } else {
        entry.putNull("owner");
      }
      number(entry, "lag", partition.lag());
      ArrayNode runs = entry.putArray("runs");
      for (PartitionOwners.Run run : partition.runs()) {
        ObjectNode here = runs.addObject();
        here.put("run", run.run());
        number(here, "step", run.step());
        here.put("ended", run.ended());
      }
    }
    return json;
  }

  private static void owner(ObjectNode json, PartitionOwners.Owner owner) {
    json.put("memberId", owner.memberId());
    json.put("clientId", owner.clientId());
    json.put("host", owner.host());
    json.put("instanceId", owner.instanceId().orElse(null));
    json.put("thisAgent", owner.thisAgent());
  }

  private static void number(ObjectNode json, String name, OptionalLong value) {
    if (value.isPresent()) {
      json.put(name, value.getAsLong());
    } else {
      json.putNull(name);
    }
  }
}
