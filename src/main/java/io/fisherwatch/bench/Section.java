package io.fisherwatch.bench;

/** One question, its measurement and its table. */
interface Section {

  /** Its name on the command line and in the page. */
  String name();

  /** Measures, and writes down what came of it. */
  void run(Bench.Site site, Report.Part part) throws Exception;
}
