package io.fisherwatch.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What came of the sections that ran: text for the page, goals, plots. */
public final class Report {

  private final Map<String, String> texts = new LinkedHashMap<>();
  private final List<Goal> goals = new ArrayList<>();
  private final List<Plot> plots = new ArrayList<>();

  /** Made by {@link Bench}. */
  Report() {}

  /** What one section finds. */
  final class Part {

    private final String name;
    private final StringBuilder text = new StringBuilder();

    Part(String name) {
      this.name = name;
    }

    /** Adds a paragraph or a table. */
    void add(Object block) {
      text.append(block.toString().strip()).append("\n\n");
    }

    void atMost(String figure, double bound, double measured, String unit) {
      goals.add(Goal.atMost(name, figure, bound, measured, unit));
    }

    void atLeast(String figure, double bound, double measured, String unit) {
      goals.add(Goal.atLeast(name, figure, bound, measured, unit));
    }

    /** Adds a plot, shown where the text has come to. */
    void plot(Plot plot) {
      plots.add(plot);
      add("![" + plot.title() + "](images/" + plot.name() + ".svg)");
    }
  }

  /** Runs a section, whose text counts once it is whole. */
  void add(Section section, Bench.Site site, String heading) throws Exception {
    Part part = new Part(section.name());
    section.run(site, part);
    texts.put(section.name(), heading + "\n\n" + part.text.toString().strip() + "\n");
  }

  /** Markdown by the name of its section. */
  public Map<String, String> texts() {
    return texts;
  }

  /** The plots. */
  public List<Plot> plots() {
    return plots;
  }

  /**
   * The table of goals.
   *
   * @param before the table as it stood, whose lines of sections that did not run now stay
   */
  public String goals(String before) {
    Table table = new Table("section", "figure", "goal", "measured", "");
    StringBuilder text = new StringBuilder(table.toString());
    before
        .lines()
        .filter(line -> line.startsWith("| ") && line.endsWith(" |"))
        .filter(line -> !line.startsWith("| section |") && !line.startsWith("| --- |"))
        .filter(line -> texts.keySet().stream().noneMatch(it -> line.startsWith("| " + it + " |")))
        .forEach(line -> text.append(line).append('\n'));
    goals.forEach(goal -> text.append(goal.row()));
    return text.toString();
  }
}
