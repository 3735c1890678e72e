package io.fisherwatch.web;

import com.sun.net.httpserver.HttpExchange;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;

/** A body that sends its headers with its first byte, so that "there is none" can still be 404. */
final class LazyBody extends FilterOutputStream {

  private final HttpExchange exchange;
  private final String type;
  private boolean begun;

  LazyBody(HttpExchange exchange, String type) {
    super(OutputStream.nullOutputStream());
    this.exchange = exchange;
    this.type = type;
  }

  private void begin() throws IOException {
    if (!begun) {
      begun = true;
      exchange.getResponseHeaders().set("Content-Type", type);
      boolean head = exchange.getRequestMethod().equals("HEAD");
      exchange.sendResponseHeaders(200, head ? -1 : 0);
      out = head ? OutputStream.nullOutputStream() : exchange.getResponseBody();
    }
  }

  @Override
  public void write(int value) throws IOException {
    begin();
    out.write(value);
  }

  @Override
  public void write(byte[] bytes, int from, int length) throws IOException {
    begin();
    out.write(bytes, from, length);
  }
}
