package io.fisherwatch.share;

import io.fisherwatch.monitor.MonitorShare;
import java.util.List;

/** Parts as records of a topic. */
@SuppressWarnings("DoNotCallSuggester")
public final class ShareCodec {

  private ShareCodec() {}

  /** A part as records, to be written in this order: the layers, then the header. */
  public static List<ShareRecord> encode(ShareStamp stamp, MonitorShare share) {
    throw new UnsupportedOperationException();
  }

  /** The run that a record's key names. */
  public static String run(String key) throws ShareException {
    throw new UnsupportedOperationException();
  }
}
