package io.fisherwatch.snapshot;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What the agent has done so far.
 *
 * @param events how many events ended, by type, then by outcome; what never happened is 0
 * @param meanHandleSeconds how long handling one took on average; empty before the first
 * @param lag records that wait in the partitions that are owned
 */
public record AgentActivity(
    Map<String, Map<String, Long>> events, OptionalDouble meanHandleSeconds, long lag) {

  public AgentActivity {
    Map<String, Map<String, Long>> copy = new LinkedHashMap<>();
    events.forEach(
        (type, outcomes) ->
            copy.put(type, Collections.unmodifiableMap(new LinkedHashMap<>(outcomes))));
    events = Collections.unmodifiableMap(copy);
  }
}
