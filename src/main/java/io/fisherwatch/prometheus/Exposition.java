package io.fisherwatch.prometheus;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import io.prometheus.metrics.config.EscapingScheme;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.regex.Pattern;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * Answers scrapes: the runs' series first, written by ourselves, since the library makes objects of
 * the tens of thousands that a large model has; then the process's few, written by the library.
 * OpenMetrics where it is asked for, Prometheus text otherwise.
 */
final class Exposition implements HttpHandler {

  /** Not where its weight is zero. */
  private static final Pattern GZIP =
      Pattern.compile("(?i)\\s*gzip\\s*(;\\s*q=(?!0(\\.0*)?\\s*$).*)?");

  private final OpenMetricsTextFormatWriter openMetrics = OpenMetricsTextFormatWriter.create();
  private final PrometheusTextFormatWriter plain = PrometheusTextFormatWriter.create();
  private final FisherCollector runs;
  private final PrometheusRegistry process;
  private volatile int latestBytes = 1 << 16;

  Exposition(FisherCollector runs, PrometheusRegistry process) {
    this.runs = runs;
    this.process = process;
  }

  @Override
  public void handle(HttpExchange exchange) throws IOException {
    String accept = exchange.getRequestHeaders().getFirst("Accept");
    ExpositionFormatWriter format = openMetrics.accepts(accept) ? openMetrics : plain;
    boolean zipped = takesGzip(exchange.getRequestHeaders().get("Accept-Encoding"));
    byte[] body = body(format, EscapingScheme.fromAcceptHeader(accept), zipped);
    exchange.getResponseHeaders().set("Content-Type", format.getContentType());
    exchange.getResponseHeaders().set("Vary", "Accept, Accept-Encoding");
    if (zipped) {
      exchange.getResponseHeaders().set("Content-Encoding", "gzip");
    }
    boolean head = exchange.getRequestMethod().equals("HEAD");
    if (head) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
    }
    exchange.sendResponseHeaders(200, head ? -1 : body.length);
    if (!head) {
      exchange.getResponseBody().write(body);
    }
  }

  /** Whole before its first byte is sent, so that what fails is no half scrape. */
  private byte[] body(ExpositionFormatWriter format, EscapingScheme names, boolean zipped)
      throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(latestBytes + latestBytes / 8);
    try (OutputStream out = zipped ? new FastGzip(bytes) : bytes) {
      runs.write(out, format == openMetrics);
      format.write(out, process.scrape(), names);
    }
    latestBytes = bytes.size();
    return bytes.toByteArray();
  }

  private static boolean takesGzip(@Nullable List<String> encodings) {
    return encodings != null
        && encodings.stream()
            .flatMap(Pattern.compile(",")::splitAsStream)
            .anyMatch(one -> GZIP.matcher(one).matches());
  }

  /** Text of which every line is like the one before needs no pains. */
  private static final class FastGzip extends GZIPOutputStream {
    FastGzip(OutputStream out) throws IOException {
      super(out, 1 << 13);
      def.setLevel(Deflater.BEST_SPEED);
    }
  }
}
