package io.fisherwatch.web;

/**
 * Where to listen.
 *
 * @param host an address of this machine; 127.0.0.1 keeps everyone else out
 * @param port 0 picks a free one
 */
public record WebSettings(String host, int port) {}
