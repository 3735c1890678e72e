package io.fisherwatch.bench;

import java.util.Map;
import java.util.SortedMap;

/**
 * Lines to be drawn over logarithmic axes.
 *
 * @param name of its file, without a suffix
 * @param title above it
 * @param abscissa below it
 * @param lines by name, points of x and y, all above 0
 */
public record Plot(
    String name, String title, String abscissa, Map<String, SortedMap<Double, Double>> lines) {}
