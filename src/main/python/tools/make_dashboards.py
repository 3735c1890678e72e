"""Makes the dashboards of grafana/: `python3 src/main/python/tools/make_dashboards.py [FOLDER]`.

Schema version 39 (Grafana 10.3 and later). Panels take what they plot from one Prometheus data source,
chosen by a variable; runs and layers are chosen by variables that it fills.
"""

import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[4] / "grafana"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24

RUN = 'run="$run"'
LAYER = 'run="$run", layer="$layer"'
LAYERS = 'run="$run", layer=~"$layer", layer!="_total"'
DECADES = ["zero", "under", *(str(decade) for decade in range(-20, 5)), "over"]


# Queries.


def query(expr, legend, ref=None, **more):
    """One query of a panel; its legend is also the name of what it gives."""
    return {"datasource": DATASOURCE, "expr": expr, "legendFormat": legend, "refId": ref, **more}


def column(expr):
    """A query whose latest values fill one column of a table."""
    return query(expr, "", instant=True, range=False, format="table")


def lettered(queries):
    """Gives queries the letters that a panel tells them apart by."""
    for place, one in enumerate(queries):
        one["refId"] = chr(ord("A") + place) if place < 26 else "A" + chr(ord("A") + place - 26)
    return queries


# Panels.


def panel(kind, title, description, queries, width=12, height=8, unit="none", **more):
    """A panel without a place."""
    defaults = {"unit": unit, **more.pop("defaults", {})}
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"h": height, "w": width},
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
        "options": more.pop("options", {}),
        "targets": lettered(queries),
        **more,
    }


def lines(title, description, queries, log=False, limit=None, **more):
    """Lines over time, on a logarithmic axis or with a limit drawn in if asked for."""
    custom = {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "never"}
    defaults = {"custom": custom}
    if log:
        custom["scaleDistribution"] = {"type": "log", "log": 10}
    if limit is not None:
        custom["thresholdsStyle"] = {"mode": "line"}
        steps = [{"color": "green", "value": None}, {"color": "red", "value": limit}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, queries, defaults=defaults, options=options, **more)


def number(title, description, expr, unit="none", width=4):
    """One large number."""
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "none", "colorMode": "none"}
    return panel("stat", title, description, [query(expr, "")], width, 4, unit, options=options)


def heatmap(title, description, queries, unit="none", height=12, scheme="Viridis"):
    """Rows of cells over time: a row for each series, coloured by its value."""
    options = {
        "calculate": False,
        "yAxis": {"axisPlacement": "left", "unit": "none"},
        "rowsFrame": {"layout": "auto"},
        "color": {"mode": "scheme", "scheme": scheme, "scale": "exponential", "exponent": 0.5, "steps": 64},
        "cellGap": 0,
        "tooltip": {"mode": "single", "yHistogram": False},
        "legend": {"show": True},
    }
    custom = {"scaleDistribution": {"type": "linear"}}
    defaults = {"custom": custom}
    return panel("heatmap", title, description, queries, WIDTH, height, unit, defaults=defaults, options=options)


def by_name(name, **properties):
    """Settings of the line of one name."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


BAND = [
    by_name(
        "F + 2 SE",
        **{"custom.fillBelowTo": "F − 2 SE", "custom.fillOpacity": 20, "custom.lineWidth": 0},
    ),
    by_name("F − 2 SE", **{"custom.lineWidth": 0}),
]


def trace(estimate, labels=LAYER):
    return f'fisher_trace{{{labels}, estimate="{estimate}"}}'


def error(estimate, labels=LAYER):
    return f'fisher_trace_standard_error{{{labels}, estimate="{estimate}"}}'


def traces():
    """F with its band, its bounds, and the empirical one."""
    return [
        query(f'{trace("fisher")} - 2 * {error("fisher")}', "F − 2 SE"),
        query(f'{trace("fisher")} + 2 * {error("fisher")}', "F + 2 SE"),
        query(trace("fisher"), "F"),
        query(trace("lower"), "lower bound"),
        query(trace("upper"), "upper bound"),
        query(trace("empirical"), "empirical"),
    ]


# Dashboards.


def evolution():
    step = query(f"fisher_checkpoint_step{{{RUN}}}", "step")
    over_steps = panel(
        "trend",
        "Traces over steps",
        "The same against the optimizer step of the checkpoint in force, so that pauses leave no gap.",
        [step, *traces()],
        WIDTH,
        10,
        "short",
        defaults={"custom": {"drawStyle": "line", "scaleDistribution": {"type": "log", "log": 10}}},
        overrides=BAND,
        options={"xField": "step", "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}},
        transformations=[{"id": "joinByField", "options": {"byField": "Time", "mode": "outer"}}],
    )
    gap = 'max without (bound) (fisher_bound_gap{{{}, bound="{}"}}) / max without (estimate) ({})'
    core = [
        query(f"fisher_core_{name}{{{RUN}}}", legend)
        for name, legend in [
            ("trace", "trace, 1 − ‖p‖²"),
            ("top_eigenvalue", "top eigenvalue"),
            ("max_probability", "largest probability"),
            ("entropy", "entropy in nats"),
        ]
    ]
    return [
        number("Step", "Optimizer step of the checkpoint in force.", f"fisher_checkpoint_step{{{RUN}}}", "none"),
        number("tr F", "Trace of the Fisher information, a mean over examples.", trace("fisher"), "sci"),
        number(
            "Standard error",
            "Of tr F, relative: probes and data. Above 10 % the health alerts are inhibited.",
            f'{error("fisher")} / {trace("fisher")}',
            "percentunit",
        ),
        number(
            "Effective rank",
            "tr(F)² / tr(F²) of the latest batch's F: over how many directions it spreads.",
            f"fisher_effective_rank{{{LAYER}}}",
            "short",
        ),
        number(
            "Age of the checkpoint",
            "Since the checkpoint in force was published.",
            f"time() - fisher_checkpoint_timestamp_seconds{{{RUN}}}",
            "s",
        ),
        number("Age of the figures", "Since the latest estimate.", f"run:fisher_estimate:age_seconds{{{RUN}}}", "s"),
        lines(
            "Traces",
            "Running estimates with a band of two standard errors, and the two bounds. lower ≤ F ≤ upper always; "
            "how close they are says how the outputs are distributed, not how good the estimate is.",
            traces(),
            log=True,
            width=WIDTH,
            height=10,
            unit="short",
            overrides=BAND,
        ),
        over_steps,
        lines(
            "Gaps relative to F",
            "(F − lower)/F lies between 0 and 1 and does not vanish for confident models: with the rest spread evenly "
            "over 9 classes it tends to 0.44. (upper − F)/F grows without bound as outputs become one-hot.",
            [
                query(gap.format(LAYER, bound, trace("fisher")), bound)
                for bound in ("lower", "upper")
            ],
            log=True,
            unit="percentunit",
        ),
        lines(
            "Outputs",
            "Means over examples in the core space of the logits.",
            core,
            unit="short",
        ),
        lines(
            "Growth against the run's own past",
            "tr F of the whole model less 4 standard errors, over the median of an earlier stretch. "
            "Above 10: FisherExplosion.",
            [query(f"run:fisher_trace:growth{{{RUN}}}", "growth")],
            limit=10,
            unit="none",
        ),
        lines(
            "Empirical over true trace",
            "1 in expectation for a calibrated model, below 1 for one that fits its labels. "
            "Above 3, and by more than 4 standard errors: FisherEmpiricalDivergence.",
            [query(f"run:fisher_trace:empirical_ratio{{{RUN}}}", "ratio")],
            limit=3,
            unit="none",
        ),
    ]


def layers():
    fisher = 'fisher_trace{' + LAYERS + ', estimate="fisher"}'
    columns = {
        "trace": fisher,
        "share of tr F": f"layer:fisher_trace:share{{{LAYERS}}}",
        "below 1e-5": f'fisher_diagonal_small_share{{{LAYERS}, threshold="1e-05"}}',
        "relatively small": f'fisher_diagonal_small_share{{{LAYERS}, threshold="relative"}}',
        "effective rank": f"fisher_effective_rank{{{LAYERS}}}",
        "top eigenvalue": f"fisher_top_eigenvalue{{{LAYERS}}}",
        "parameters": f"fisher_parameters{{{LAYERS}}}",
    }
    queries = [column(f"max by (layer) ({expr})") for expr in columns.values()]
    renamed = {f"Value #{one['refId']}": name for one, name in zip(lettered(queries), columns)}
    shares = [by_name(name, unit="percentunit") for name in ("share of tr F", "below 1e-5", "relatively small")]
    link = {
        "title": "Evolution of this layer",
        "url": "/d/fisherwatch-evolution?var-datasource=${datasource}&var-run=${run}"
        "&var-layer=${__data.fields.layer}&${__url_time_range}",
    }
    table = panel(
        "table",
        "Layers, largest trace first",
        "Latest figures by layer. A click on a layer's name opens its evolution.",
        queries,
        WIDTH,
        10,
        "short",
        overrides=[
            *shares,
            by_name("trace", unit="sci"),
            by_name("top eigenvalue", unit="sci"),
            by_name("layer", links=[link]),
        ],
        options={"showHeader": True, "sortBy": [{"displayName": "trace", "desc": True}]},
        transformations=[
            {"id": "joinByField", "options": {"byField": "layer", "mode": "outer"}},
            {"id": "filterFieldsByName", "options": {"include": {"pattern": "^(layer|Value.*)$"}}},
            {"id": "organize", "options": {"renameByName": renamed}},
        ],
    )
    return [
        heatmap(
            "Trace by layer",
            "log10 of every layer's trace of F: what lights up, and what goes dark.",
            [query(f"log10(max by (layer) ({fisher}) > 0)", "{{layer}}")],
            scheme="Magma",
        ),
        table,
        lines(
            "Share of tr F",
            "Of every layer in the whole trace. Above 95 %, the others having lost most of theirs: "
            "FisherTraceConcentrated.",
            [query(f"layer:fisher_trace:share{{{LAYERS}}}", "{{layer}}")],
            limit=0.95,
            unit="percentunit",
        ),
        lines(
            "Relatively small entries",
            "Share of the diagonal surely below 1e-3 of the model's mean entry. 70 % and more is normal in some "
            "layers; FisherDeadLayer compares a layer with its own past.",
            [query(f"layer:fisher_diagonal:small_share{{{LAYERS}}}", "{{layer}}")],
            unit="percentunit",
        ),
        lines(
            "Entries below 1e-5",
            "An absolute threshold: it moves with the model's confidence as a whole.",
            [query(f'fisher_diagonal_small_share{{{LAYERS}, threshold="1e-05"}}', "{{layer}}")],
            unit="percentunit",
        ),
        lines(
            "Trace per parameter",
            "Mean diagonal entry of every layer.",
            [query(f"max by (layer) ({fisher}) / max by (layer) (fisher_parameters{{{LAYERS}}})", "{{layer}}")],
            log=True,
            unit="sci",
        ),
        lines(
            "Effective rank",
            "tr(F)² / tr(F²) of the latest batch's F, by layer. From few probes: read the trend.",
            [query(f"fisher_effective_rank{{{LAYERS}}}", "{{layer}}")],
            unit="short",
        ),
        lines(
            "Top eigenvalue",
            "Of the latest batch's F, estimated, by layer.",
            [query(f"fisher_top_eigenvalue{{{LAYERS}}}", "{{layer}}")],
            log=True,
            unit="sci",
        ),
        lines(
            "Effective rank against the run's own past",
            "Recent mean of the whole model over its baseline. Below 20 %, and the rank below 2: "
            "FisherEffectiveRankCollapse.",
            [query(f"run:fisher_effective_rank:decline{{{RUN}}}", "decline")],
            unit="percentunit",
        ),
        lines(
            "Non-finite gradient values",
            "Met in each second, by layer. Any: FisherNonFiniteGradients.",
            [query(f"rate(fisher_nonfinite_total{{{LAYERS}}}[$__rate_interval])", "{{layer}}")],
            unit="cps",
        ),
    ]


def density():
    cells = [
        query(f'fisher_diagonal_density{{{LAYER}, bucket="{bucket}"}}', bucket) for bucket in DECADES
    ]
    quantiles = query(f"fisher_diagonal_quantile{{{LAYER}}}", "{{q}}")
    small = 'fisher_diagonal_small_share{{{}, threshold="{}"}}'
    open_share = 'fisher_diagonal_small_share_undetermined{{{}, threshold="{}"}}'
    return [
        heatmap(
            "Density of log10 of the diagonal",
            "Share of the entries of the running diagonal of F in each decade, named by its lower exponent; "
            "exact zeros, and what is below 1e-20, at the bottom.",
            cells,
            unit="percentunit",
            height=14,
        ),
        lines(
            "Quantiles",
            "Of the running diagonal of F.",
            [quantiles],
            log=True,
            unit="sci",
        ),
        lines(
            "Small entries",
            "Share below 1e-5 and below 1e-3 of the model's mean entry, and what noise leaves open of each.",
            [
                query(small.format(LAYER, "1e-05"), "below 1e-5"),
                query(open_share.format(LAYER, "1e-05"), "below 1e-5: open"),
                query(small.format(LAYER, "relative"), "relatively small"),
                query(open_share.format(LAYER, "relative"), "relatively small: open"),
            ],
            unit="percentunit",
        ),
    ]


def trust():
    cv = f"fisher_trace_probe_cv{{{LAYER}}}"
    cv_error = f"fisher_trace_probe_cv_standard_error{{{LAYER}}}"
    coverage = f"fisher_parameters_covered{{{LAYERS}}} / fisher_parameters{{{LAYERS}}}"
    chosen = [
        ("Rank", "Rank-one parts that the estimator splits off.", "fisher_rank"),
        ("Micro-batch", "Examples squared together.", "fisher_micro_batch_examples"),
        ("Probes per batch", "Independent probes of what is random.", "fisher_probes_per_batch"),
        ("Effective batches", "How many batches the running figures are worth.", "fisher_effective_batches"),
        ("Lag in steps", "How many steps the running figures look back.", "fisher_estimate_lag_steps"),
    ]
    path = panel(
        "stat",
        "Path",
        "The way in which squares of gradients are made.",
        [query(f"fisher_path_info{{{RUN}}}", "{{path}}")],
        4,
        4,
        "none",
        options={"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "name", "colorMode": "none"},
    )
    return [
        *(number(title, text, f"{metric}{{{RUN}}}", "short") for title, text, metric in chosen),
        path,
        lines(
            "Relative standard errors",
            "Of each trace, probes and data both. F above 10 %: FisherEstimateImprecise, which inhibits health alerts.",
            [
                query(
                    f"fisher_trace_standard_error{{{LAYER}}} / (fisher_trace{{{LAYER}}} > 0)",
                    "{{estimate}}",
                )
            ],
            limit=0.1,
            unit="percentunit",
        ),
        lines(
            "Variation of one plain probe",
            "Coefficient of variation of one whole-batch probe. Theory bounds it by √2; what is beyond it must be "
            "within the sampling error.",
            [query(cv, "{{estimate}}"), query(f"{cv} - 2 * {cv_error}", "{{estimate}} − 2 SE")],
            limit=1.4142,
            unit="none",
        ),
        lines(
            "Probe variation beyond √2",
            "In sampling errors. Above 4: FisherProbeVariationAboveBound.",
            [query(f"layer:fisher_trace_probe_cv:excess_sigmas{{{LAYER}}}", "{{estimate}}")],
            limit=4,
            unit="none",
        ),
        lines(
            "Order of the bounds",
            "How far a bound is on the wrong side of F, in standard errors; below 0 it is where it belongs. "
            "Above 4: FisherBoundOrderBroken.",
            [query(f"layer:fisher_bound:violation_sigmas{{{LAYER}}}", "{{bound}}")],
            limit=4,
            unit="none",
        ),
        lines(
            "Parameters with a gradient path",
            "Share of every layer. Frozen and unused parameters are not covered.",
            [query(coverage.replace(', layer=~"$layer"', ""), "{{layer}}")],
            unit="percentunit",
        ),
        lines(
            "Work",
            "Examples estimated on and probes made, in each second.",
            [
                query(f"rate(fisher_examples_total{{{RUN}}}[$__rate_interval])", "examples"),
                query(f"rate(fisher_probes_total{{{RUN}}}[$__rate_interval])", "probes"),
            ],
            unit="cps",
        ),
    ]


def agent():
    here = 'instance=~"$instance"'
    bucket = f"sum by (le) (rate(fisherwatch_handle_seconds_bucket{{{here}}}[$__rate_interval]))"
    return [
        number("Up", "Agents that Prometheus can scrape.", f'sum(up{{job="fisherwatch", {here}}})', "none"),
        number("Waiting", "Records in the partitions owned.", f"sum(fisherwatch_consumer_lag{{{here}}})", "short"),
        number(
            "Time to catch up",
            "At the present pace.",
            f"max(agent:fisherwatch_consumer_lag:drain_seconds{{{here}}})",
            "s",
        ),
        number(
            "Dead letters",
            "Of late, as FisherwatchDeadLetters counts them.",
            f"sum(agent:fisherwatch_events:dead_lettered{{{here}}})",
            "short",
        ),
        number(
            "Age of the figures",
            "Of the newest of any run.",
            f"max(agent:fisherwatch_estimate:age_seconds{{{here}}})",
            "s",
        ),
        number(
            "Series left out",
            "Of scrapes, in each second, for being more than metrics.maxSeries.",
            f"sum(rate(fisherwatch_series_dropped_total{{{here}}}[$__rate_interval]))",
            "cps",
        ),
        number("Partitions", "Input partitions owned.", f"sum(fisherwatch_partition_owned{{{here}}})", "none"),
        number(
            "Agents merged",
            "Whose parts are in the runs that the merge shows now.",
            f"max(fisherwatch_merged_agents{{{here}}}) or vector(0)",
            "none",
        ),
        lines(
            "Shares by outcome",
            "Records of parts that the merge reads, in each second.",
            [
                query(
                    f"sum by (outcome) (rate(fisherwatch_shares_total{{{here}}}[$__rate_interval])) or vector(0)",
                    "{{outcome}}",
                )
            ],
            unit="cps",
        ),
        lines(
            "Age of events",
            "From the publication of the latest event to its end.",
            [query(f"fisherwatch_event_age_seconds{{{here}}}", "{{instance}}")],
            unit="s",
        ),
        lines(
            "State",
            "Bytes of the latest snapshots of the running state.",
            [query(f"fisherwatch_state_bytes{{{here}}}", "{{instance}}")],
            unit="bytes",
        ),
        lines(
            "Time to write state",
            "A snapshot's copy and write, on average. While it is written, events are handled.",
            [
                query(
                    f"rate(fisherwatch_snapshot_seconds_sum{{{here}}}[$__rate_interval])"
                    f" / rate(fisherwatch_snapshot_seconds_count{{{here}}}[$__rate_interval])",
                    "{{instance}}",
                )
            ],
            unit="s",
        ),
        lines(
            "Consumer lag",
            "Records that wait in the partitions owned.",
            [query(f"fisherwatch_consumer_lag{{{here}}}", "{{instance}}")],
            unit="short",
        ),
        lines(
            "Partitions by agent",
            "Input partitions that each agent owns: a step is a move, with the runs and their state.",
            [query(f"sum by (instance) (fisherwatch_partition_owned{{{here}}})", "{{instance}}")],
            unit="none",
        ),
        panel(
            "table",
            "Who owns what",
            "The agent that has each input partition now. A partition in no line is nobody's.",
            [column(f"max by (topic, partition, instance) (fisherwatch_partition_owned{{{here}}})")],
            options={"showHeader": True, "sortBy": [{"displayName": "partition", "desc": False}]},
            transformations=[
                {"id": "filterFieldsByName", "options": {"include": {"pattern": "^(topic|partition|instance)$"}}},
            ],
        ),
        lines(
            "Events by outcome",
            "Every event ends in exactly one.",
            [
                query(
                    f"sum by (type, outcome) (rate(fisherwatch_events_total{{{here}}}[$__rate_interval]))",
                    "{{type}} {{outcome}}",
                )
            ],
            unit="ops",
        ),
        lines(
            "Time to handle an event",
            "Checkpoints and batches together.",
            [
                query(f"histogram_quantile({quantile}, {bucket})", name)
                for quantile, name in [(0.5, "median"), (0.9, "90 %"), (0.99, "99 %")]
            ],
            unit="s",
        ),
        lines(
            "Age of every run's figures",
            "Runs that ended stay until runs.endedRetention.",
            [
                query(
                    f"time() - fisher_estimate_timestamp_seconds{{{here}}}",
                    "{{run}}",
                )
            ],
            unit="s",
        ),
        lines(
            "Memory of the JVM",
            "Models and gradients live outside of it, in the engine's own memory.",
            [query(f"sum by (instance, area) (jvm_memory_used_bytes{{{here}}})", "{{instance}} {{area}}")],
            unit="bytes",
        ),
        lines(
            "Processor",
            "Share of the machine's processors that the agent uses.",
            [query(f"process_cpu_usage{{{here}}}", "{{instance}}")],
            unit="percentunit",
        ),
    ]


# Around the panels.


def variable(name, label, values, **more):
    """A variable that Prometheus fills."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "definition": values,
        "query": {"query": values, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
        **more,
    }


SOURCE = {
    "type": "datasource",
    "name": "datasource",
    "label": "Data source",
    "query": "prometheus",
    "refresh": 1,
    "multi": False,
    "includeAll": False,
    "hide": 0,
}
EVERY = {"multi": True, "includeAll": True, "allValue": ".+", "current": {"text": ["All"], "value": ["$__all"]}}
ONE_RUN = variable("run", "Run", "label_values(fisher_checkpoint_step, run)")
ONE_LAYER = variable(
    "layer",
    "Layer",
    'label_values(fisher_trace{run="$run"}, layer)',
    current={"text": "_total", "value": "_total"},
)
SOME_LAYERS = {**ONE_LAYER, **EVERY, "regex": "/^(?!_total$).*/"}
SOME_INSTANCES = variable("instance", "Instance", 'label_values(up{job="fisherwatch"}, instance)', **EVERY)

CHECKPOINTS = {
    "name": "Checkpoints",
    "datasource": DATASOURCE,
    "enable": True,
    "iconColor": "blue",
    "expr": f"changes(fisher_checkpoint_step{{{RUN}}}[$__rate_interval]) > 0",
    "titleFormat": "checkpoint",
    "tagKeys": "run",
    "useValueForTime": False,
}


def placed(panels):
    """Panels numbered, and put in rows from left to right."""
    x = y = tallest = 0
    for identity, one in enumerate(panels, start=1):
        place = one["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        one["id"] = identity
        one["gridPos"] = {"h": place["h"], "w": place["w"], "x": x, "y": y}
        x += place["w"]
        tallest = max(tallest, place["h"])
    return panels


def dashboard(name, title, description, panels, variables, annotations=()):
    """A whole dashboard; its address is fixed, so that links to it hold."""
    return {
        "uid": f"fisherwatch-{name}",
        "title": f"Fisherwatch / {title}",
        "description": description,
        "tags": ["fisherwatch"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "annotations": {"list": list(annotations)},
        "links": [
            {
                "type": "dashboards",
                "title": "Fisherwatch",
                "tags": ["fisherwatch"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "templating": {"list": [SOURCE, *variables]},
        "panels": placed(panels),
    }


DASHBOARDS = {
    "fisher-evolution": lambda: dashboard(
        "evolution",
        "Fisher evolution",
        "Traces of the Fisher information with their bounds and errors.",
        evolution(),
        [ONE_RUN, ONE_LAYER],
        [CHECKPOINTS],
    ),
    "layers": lambda: dashboard(
        "layers",
        "Layers",
        "Where the Fisher information sits.",
        layers(),
        [ONE_RUN, SOME_LAYERS],
    ),
    "density": lambda: dashboard(
        "density",
        "Density",
        "How the entries of the diagonal are distributed.",
        density(),
        [ONE_RUN, ONE_LAYER],
        [CHECKPOINTS],
    ),
    "trust": lambda: dashboard(
        "trust",
        "Trust",
        "How far the figures can be trusted, and what the estimator chose.",
        trust(),
        [ONE_RUN, ONE_LAYER],
    ),
    "agent": lambda: dashboard(
        "agent",
        "Agent",
        "The agent itself: what it consumes, how fast, and what it needs.",
        agent(),
        [SOME_INSTANCES],
    ),
}


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, make in DASHBOARDS.items():
        text = json.dumps(make(), indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
