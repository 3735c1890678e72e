package io.fisherwatch.merge;

import io.fisherwatch.monitor.MonitorShare;
import io.fisherwatch.share.DiagonalReference;
import io.fisherwatch.share.ShareCodec;
import io.fisherwatch.share.ShareRecord;
import io.fisherwatch.share.ShareStamp;
import java.util.List;
import java.util.Optional;

/** Publications of a part, as an agent makes them. */
record TestShares(String run, int partition, String agent, ShareStamp stamp) {

  static TestShares of(String run, int partition, String agent) {
    ShareStamp stamp =
        new ShareStamp(
            run, partition, 1, 0, agent, 1, 0, 10, 11, 1000.5, 0.5, false, Optional.empty());
    return new TestShares(run, partition, agent, stamp);
  }

  TestShares at(long epoch, long sequence) {
    return with(epoch, sequence, stamp.ended(), stamp.diagonal());
  }

  TestShares ended() {
    return with(stamp.epoch(), stamp.sequence(), true, stamp.diagonal());
  }

  TestShares diagonal(String uri, long ordinal) {
    return with(
        stamp.epoch(),
        stamp.sequence(),
        stamp.ended(),
        Optional.of(new DiagonalReference(uri, ordinal)));
  }

  private TestShares with(
      long epoch, long sequence, boolean ended, Optional<DiagonalReference> diagonal) {
    return new TestShares(
        run,
        partition,
        agent,
        new ShareStamp(
            run,
            partition,
            epoch,
            sequence,
            agent,
            stamp.attempt(),
            stamp.ordinal(),
            stamp.checkpointStep(),
            stamp.batchStep(),
            stamp.checkpointTimeSeconds(),
            stamp.decay(),
            ended,
            diagonal));
  }

  /** The layers, then the header. */
  List<ShareRecord> records(MonitorShare share) {
    return ShareCodec.encode(stamp, share);
  }
}
