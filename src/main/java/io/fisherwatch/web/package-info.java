/**
 * The HTTP server: API, live page, health and the stream of snapshots. Computes nothing. The door
 * is {@link io.fisherwatch.web.WebServer}.
 */
@NullMarked
package io.fisherwatch.web;

import org.jspecify.annotations.NullMarked;
