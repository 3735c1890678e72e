package io.fisherwatch.share;

import io.fisherwatch.monitor.MonitorShare;
import io.fisherwatch.safetensors.HostTensor;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One part's latest complete version and, where records of a later one have come in, that one in
 * the making. Records of any earlier version are passed over.
 */
final class PartVersions {

  /** Layers of a version whose header has not come yet. */
  private static final int MOST_LAYERS = 50_000;

  private @Nullable Part complete;
  private @Nullable Version latest;
  private @Nullable ShareStamp stamp;
  private Map<String, HostTensor> header = Map.of();
  private List<String> wanted = List.of();
  private final Map<String, Map<String, HostTensor>> layers = new HashMap<>();

  /** The latest complete version. */
  Optional<Part> complete() {
    return Optional.ofNullable(complete);
  }

  /** Takes in a record; whether a version became complete by it. */
  boolean add(ShareCodec.Content content) throws ShareException {
    Version before = latest;
    int order = before == null ? 1 : content.version().compareTo(before);
    boolean whole = before != null && isComplete(before);
    if (order < 0 || (order == 0 && whole)) {
      return false;
    }
    List<String> names =
        content.stamp() == null ? List.of() : named(content); // checked before anything changes
    if (order > 0) {
      begin(content.version());
    }
    if (content.stamp() != null) {
      stamp = content.stamp();
      header = content.tensors();
      wanted = names;
    } else if (layers.size() < MOST_LAYERS || layers.containsKey(content.key().layer())) {
      layers.put(content.key().layer(), content.tensors());
    } else {
      throw new ShareException("a part has more than " + MOST_LAYERS + " layers");
    }
    return finish();
  }

  private boolean isComplete(Version version) {
    Part part = complete;
    return part != null && part.stamp().version().equals(version);
  }

  private void begin(Version version) {
    latest = version;
    stamp = null;
    header = Map.of();
    wanted = List.of();
    layers.clear();
  }

  private boolean finish() throws ShareException {
    ShareStamp whole = stamp;
    if (whole == null || !layers.keySet().containsAll(wanted)) {
      return false;
    }
    try {
      complete = new Part(whole, MonitorShare.of(header, layers));
    } catch (IOException e) {
      throw new ShareException("a part of run " + whole.run() + " cannot be read: " + oneLine(e));
    }
    begin(whole.version());
    return true;
  }

  private static List<String> named(ShareCodec.Content content) throws ShareException {
    try {
      return MonitorShare.layers(content.tensors());
    } catch (IOException e) {
      throw new ShareException(
          "the header at key "
              + ShareKey.shown(content.key().text())
              + " cannot be read: "
              + oneLine(e));
    }
  }

  private static String oneLine(IOException e) {
    return ShareKey.shown(String.valueOf(e.getMessage()));
  }
}
