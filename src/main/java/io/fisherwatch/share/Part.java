package io.fisherwatch.share;

import io.fisherwatch.monitor.MonitorShare;

/**
 * What one partition's owner has made of a run.
 *
 * @param stamp whose it is and how far it has come
 * @param share what has been accumulated
 */
public record Part(ShareStamp stamp, MonitorShare share) {}
