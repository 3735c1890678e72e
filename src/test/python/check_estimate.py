"""Holds the built command line to reference.py's figures.

    python src/test/python/check_estimate.py [--jar target/fisherwatch.jar] [--quick] [--only KIND]

1. Every kind of model under src/test/resources/models, exact: traces to 1e-4 of themselves, diagonals to
   1e-4 of themselves and 1e-6 of the matrix's largest entry; lower <= fisher <= upper entry by entry.
2. The random estimators over many seeds: the mean is the exact value to 4 standard errors of that mean,
   and the standard errors that the runs report cover it as often as they should (68 % within one, 95 %
   within two, to 4 binomial standard deviations, and 0.04 for the skewness of sums of few squares).
3. What a user relies on besides: weights are used, inputs may be left out, seeds repeat.
4. Bad files: the exit code, one line on stderr, nothing on stdout.

Prints one line for each check and exits 1 if one failed. --quick takes a quarter of the seeds.
"""

import argparse
import concurrent.futures
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file

MODELS = pathlib.Path(__file__).resolve().parents[1] / "resources/models"
CASES = sorted(p.parent.name for p in MODELS.glob("*/case.json"))
SEEDS = 64

# estimator options and the kinds of model on which they are tried
RANDOM = [
    ("mlp", ["--estimator", "hutchinson", "--probes", "32"]),
    ("mlp", ["--estimator", "hutchinson", "--distribution", "gaussian", "--probes", "32"]),
    ("mlp", ["--estimator", "monte-carlo", "--probes", "32"]),
    ("mlp", ["--estimator", "deflated", "--rank", "1", "--micro-batch", "4", "--probes", "32"]),
    ("tokens", ["--estimator", "deflated", "--rank", "2", "--micro-batch", "1", "--probes", "32"]),
    ("tied-tensor", ["--estimator", "deflated", "--rank", "0", "--micro-batch", "2", "--probes", "32"]),
    ("bernoulli", ["--estimator", "hutchinson", "--probes", "32"]),
]

# what is wrong: (options that replace the good ones, exit code, what the message must speak of)
BAD = {
    "truncated weights": ({"weights": "truncated.safetensors"}, 1, "truncated.safetensors"),
    "weights with NaN": ({"weights": "nan-weights.safetensors"}, 1, "(?i)finite|nan"),
    "weights that lack a parameter": ({"weights": "missing-weights.safetensors"}, 1, "head.bias"),
    "weights with an unknown name": ({"weights": "unknown-weights.safetensors"}, 1, "tail.bias"),
    "weights of another shape": ({"weights": "misshapen-weights.safetensors"}, 1, "head.bias"),
    "text as graph": ({"graph": "text.pt", "weights": None}, 1, "text.pt"),
    "safetensors as graph": ({"graph": "batch.safetensors", "weights": None}, 1, "batch.safetensors"),
    "frozen graph": ({"graph": "frozen.pt", "weights": None}, 1, "(?i)parameter|frozen"),
    "one class": ({"graph": "one-class.pt", "weights": None}, 1, "(?i)class"),
    "logits of four dimensions": ({"graph": "four-dimensions.pt", "weights": None}, 1, r"(?i)dimension|shape|\["),
    "graph that takes all memory": ({"graph": "greedy.pt", "weights": None}, 1, "(?i)memory"),
    "empty batch": ({"batch": "empty.safetensors"}, 1, "(?i)empty|no example"),
    "batch without the input": ({"batch": "missing-input.safetensors", "inputs": "x"}, 1, r"x.*\by\b.*\bz\b"),
    "input of another type": ({"batch": "integer-input.safetensors"}, 1, "(?i)dtype|type|long|int64|i64"),
    "input of another shape": ({"batch": "narrow-input.safetensors"}, 1, "(?i)shape|size|4"),
    "label out of range": ({"batch": "label-out-of-range.safetensors"}, 1, "(?i)label|class"),
    "graph that does not exist": ({"graph": "nowhere.pt"}, 2, "nowhere.pt"),
    "batch that does not exist": ({"batch": "nowhere.safetensors"}, 2, "nowhere.safetensors"),
    "unknown estimator": ({"estimator": "psychic"}, 2, "psychic"),
    "no probes": ({"probes": "0"}, 2, "(?i)probes"),
    "micro-batch of no examples": ({"micro-batch": "0"}, 2, "(?i)micro-batch"),
    "sigma of a categorical output": ({"sigma": "2"}, 2, "(?i)sigma"),
    "unknown mask": ({"mask": "veil"}, 1, "veil"),
    "format that there is not": ({"format": "xml"}, 2, "xml"),
}


class Report:
    """Counts what failed and prints every check."""

    def __init__(self):
        self.failures = 0

    def line(self, name, good, figures):
        self.failures += not good
        print(f"{'ok  ' if good else 'FAIL'}  {name:<58} {figures}", flush=True)


def call(jar, arguments):
    command = ["java", "-jar", str(jar), "estimate", "--device", "cpu", "--threads", "1", "--quiet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def figures(jar, arguments):
    done = call(jar, [*arguments, "--format", "json"])
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()[:300]}")
    return json.loads(done.stdout)


def options(kind, weights=True, inputs=True):
    """The command line of a case."""
    folder = MODELS / kind
    case = json.loads((folder / "case.json").read_text())
    line = ["--graph", str(folder / "graph.pt"), "--batch", str(folder / "batch.safetensors")]
    if weights:
        line += ["--weights", str(folder / "weights.safetensors")]
    if inputs:
        line += ["--inputs", ",".join(case["inputs"])]
    for key, option in (
        ("logitsIndex", "--logits-index"),
        ("logitsKey", "--logits-key"),
        ("mask", "--mask"),
        ("likelihood", "--likelihood"),
        ("sigma", "--sigma"),
    ):
        if key in case:
            line += [option, str(case[key])]
    return line + (["--layers", str(folder / case["layers"])] if "layers" in case else [])


def expected(kind):
    return json.loads((MODELS / kind / "expected.json").read_text())


def value(trace):
    return None if trace is None else trace["value"]


def relative_error(found, wanted):
    if wanted is None or found is None:
        return 0.0 if wanted is found else math.inf
    return abs(found - wanted) / abs(wanted) if wanted else (0.0 if abs(found) < 1e-30 else math.inf)


def check_exact(jar, kind):
    """Differences of a case, as (good, text)."""
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "diagonal.safetensors"
        found = figures(jar, [*options(kind), "--estimator", "exact", "--diagonal", str(file)])
        diagonal = load_file(file)
    wanted = expected(kind)
    wrong = [
        f"{key}: {found[key]} for {wanted[key]}"
        for key in ("examples", "positions", "classes", "parameters", "aliases")
        if found[key] != wanted[key]
    ]
    core = max(relative_error(found["core"][key], wanted["core"][key]) for key in wanted["core"])
    layers = {layer["layer"]: layer for layer in found["layers"]}
    if set(layers) != {layer["layer"] for layer in wanted["layers"]}:
        return False, f"layers {sorted(layers)}"
    traces = 0.0
    for layer in wanted["layers"]:
        other = layers[layer["layer"]]
        for key in ("parameters", "covered"):
            if other[key] != layer[key]:
                wrong.append(f"{layer['layer']} {key}: {other[key]} for {layer[key]}")
        for estimate, trace in layer["trace"].items():
            traces = max(traces, relative_error(value(other["trace"][estimate]), trace))
    share, ordered = compare_diagonals(diagonal, load_file(MODELS / kind / "expected_diagonal.safetensors"))
    if not ordered:
        wrong.append("lower <= fisher <= upper is broken")
    good = not wrong and max(core, traces) < 1e-4 and share < 1
    return good, "; ".join([f"traces {traces:.1e}  core {core:.1e}  diagonal {share:.1e} of tolerance", *wrong])


def compare_diagonals(found, wanted):
    """The largest difference in units of what is allowed, and whether the envelopes enclose."""
    if set(found) != set(wanted):
        raise RuntimeError(f"tensors {sorted(set(found) ^ set(wanted))} are in one file only")
    largest = {}
    for name, entries in wanted.items():
        estimate = name.split("/")[0]
        largest[estimate] = max(largest.get(estimate, 0), entries.max(initial=0).astype(float))
    share, ordered = 0.0, True
    for name, entries in wanted.items():
        estimate, parameter = name.split("/", 1)
        slack = 1e-4 * entries.astype(float) + 1e-6 * largest[estimate]
        if found[name].shape != entries.shape:
            raise RuntimeError(f"{name} is {found[name].shape}, not {entries.shape}")
        difference = np.abs(found[name].astype(float) - entries)  # where nothing is allowed 1e-300 is
        share = max(share, np.max(difference / np.maximum(slack, 1e-300), initial=0))
        if estimate == "fisher":
            ordered &= bool((found[f"lower/{parameter}"] <= found[name] + slack).all())
            ordered &= bool((found[name] <= found[f"upper/{parameter}"] * (1 + 1e-4) + slack).all())
    return share, ordered


def check_random(jar, kind, line, seeds, pool, report):
    runs = list(pool.map(lambda seed: figures(jar, [*options(kind), *line, "--seed", str(seed)]), range(1, seeds + 1)))
    truth = {layer["layer"]: layer["trace"] for layer in expected(kind)["layers"]}
    name = f"{kind} {' '.join(line).replace('--', '')}"
    for estimate in ("fisher", "lower", "upper"):
        traces = [run["layers"][0]["trace"][estimate] for run in runs]
        if all(trace is None for trace in traces):
            continue
        values = np.array([trace["value"] for trace in traces])
        errors = np.array([trace["standardError"] or 0 for trace in traces], dtype=float)
        wanted = truth["_total"][estimate]
        spread = values.std(ddof=1)
        if spread < 1e-9 * wanted:  # nothing random in it: then it is exact
            good = abs(values[0] - wanted) < 1e-4 * wanted and (errors < 1e-6 * wanted).all()
            report.line(f"{name} {estimate}", good, f"no randomness, error {values[0] / wanted - 1:+.1e}")
            continue
        z = (values.mean() - wanted) / (spread / math.sqrt(seeds))
        within = [float((np.abs(values - wanted) <= k * errors).mean()) for k in (1, 2)]
        good = abs(z) < 4 and all(
            abs(share - p) < 4 * math.sqrt(p * (1 - p) / seeds) + 0.04 for share, p in zip(within, (0.675, 0.946))
        )
        ratio = math.sqrt((errors**2).mean()) / spread
        report.line(
            f"{name} {estimate}",
            good,
            f"z {z:+.2f}  within 1 SE {within[0]:.2f}, 2 SE {within[1]:.2f}  reported/true SE {ratio:.2f}",
        )
    # A layer's trace must not borrow from another's.
    worst = 0.0
    for place, layer in enumerate(runs[0]["layers"]):
        values = np.array([run["layers"][place]["trace"]["fisher"]["value"] for run in runs])
        wanted, spread = truth[layer["layer"]]["fisher"], values.std(ddof=1)
        if spread > 1e-9 * wanted:
            worst = max(worst, abs(values.mean() - wanted) / (spread / math.sqrt(seeds)))
    report.line(f"{name} layers", worst < 4, f"largest |z| {worst:.2f}")


def check_habits(jar, report):
    """Weights count, inputs are found by themselves, a seed repeats, both directions."""
    graph_alone = figures(jar, [*options("mlp", weights=False), "--estimator", "exact"])
    change = relative_error(value(graph_alone["layers"][0]["trace"]["fisher"]), expected("mlp")["layers"][0]["trace"]["fisher"])
    report.line("without --weights the graph's own are used", change > 1e-3, f"trace differs by {change:.1%}")
    for kind in ("mlp", "transformer-mask"):
        found = figures(jar, [*options(kind, inputs=False), "--estimator", "exact"])
        error = relative_error(value(found["layers"][0]["trace"]["fisher"]), expected(kind)["layers"][0]["trace"]["fisher"])
        report.line(f"{kind} without --inputs", error < 1e-4, f"trace {error:.1e}")
    for estimator in ("deflated", "hutchinson", "monte-carlo"):
        line = [*options("conv-batchnorm"), "--estimator", estimator, "--probes", "3", "--seed"]
        first, again, other = (figures(jar, [*line, seed]) for seed in ("7", "7", "8"))
        for run in (first, again, other):
            run.pop("seconds")
        report.line(f"{estimator}: the same seed, the same figures", first == again, "bit for bit")
        if estimator != "deflated":  # which may have nothing random left
            report.line(f"{estimator}: another seed, other figures", first != other, "")


def check_bad(jar, name):
    folder = MODELS / "bad"
    replaced, code, message = BAD[name]
    chosen = {"graph": "graph.pt", "weights": "weights.safetensors", "batch": "batch.safetensors", **replaced}
    line = []
    for option, argument in chosen.items():
        if argument is not None:
            path = option in ("graph", "weights", "batch")
            line += [f"--{option}", str(folder / argument) if path else argument]
    done = call(jar, line)
    lines = [text for text in done.stderr.splitlines() if text.strip()]
    wrong = []
    if done.returncode != code:
        wrong.append(f"exit code {done.returncode}, not {code}")
    if len(lines) != 1:
        wrong.append(f"{len(lines)} lines on stderr")
    if done.stdout.strip():
        wrong.append("stdout is not empty")
    if not re.search(message, done.stderr):
        wrong.append(f"nothing of /{message}/ in the message")
    return not wrong, "; ".join([*wrong, (lines or ["(silent)"])[0].replace(str(folder) + "/", "")[:160]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jar", type=pathlib.Path, default=pathlib.Path("target/fisherwatch.jar"))
    parser.add_argument("--quick", action="store_true", help="a quarter of the seeds")
    parser.add_argument("--only", choices=CASES, help="the exact check of one kind, nothing else")
    parser.add_argument("--workers", type=int, default=2, help="commands at a time")
    parsed = parser.parse_args()
    if not parsed.jar.is_file():
        parser.error(f"{parsed.jar} is not there; build it with mvn -DskipTests package")
    report = Report()
    with concurrent.futures.ThreadPoolExecutor(parsed.workers) as pool:
        run_all([parsed.only] if parsed.only else CASES, lambda k: check_exact(parsed.jar, k), "exact", pool, report)
        if not parsed.only:
            seeds = SEEDS // 4 if parsed.quick else SEEDS
            for kind, line in RANDOM:
                attempt(f"random: {kind}", lambda: check_random(parsed.jar, kind, line, seeds, pool, report), report)
            attempt("habits", lambda: check_habits(parsed.jar, report), report)
            run_all(BAD, lambda name: check_bad(parsed.jar, name), "refused", pool, report)
    print(f"{report.failures} failed" if report.failures else "all checks passed")
    sys.exit(1 if report.failures else 0)


def attempt(name, check, report):
    """Runs a check that reports by itself; that a command of it failed is a failure of its own."""
    try:
        check()
    except (RuntimeError, KeyError, subprocess.TimeoutExpired) as e:
        report.line(name, False, f"{type(e).__name__}: {e}")


def run_all(names, check, title, pool, report):
    def guarded(name):
        try:
            return check(name)
        except (RuntimeError, KeyError, subprocess.TimeoutExpired) as e:
            return False, f"{type(e).__name__}: {e}"

    for name, (good, text) in zip(names, pool.map(guarded, names)):
        report.line(f"{title}: {name}", good, text)


if __name__ == "__main__":
    main()
