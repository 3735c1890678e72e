"""Times trace and diagonal of the Fisher (the GGN) in other libraries and here, on the same weights and batch.

    PYTHONPATH=… python src/test/python/compare_libraries.py [--distilbert DIR] [--only NAME] [--threads 2] [--repeats 9]

prints a table in Markdown. A library that cannot be imported, or that does not know the model, is named below it. They need
not be installed: clone their repositories (f-dangel/backpack, f-dangel/curvlinops, tfjgeorge/nngeometry, and what they import)
and put the clones on PYTHONPATH.

What is timed, with the same number of threads, in evaluation mode, after a warm-up, the median of repetitions:

* BackPACK: DiagGGNExact and DiagGGNMC (one sample), extended layers, forward and backward pass included.
* nngeometry: FIM and FIM_MonteCarlo (one trial) as PMatDiag.
* curvlinops: GGNDiagonalLinearOperator, exact and with one sample, and hutchinson_trace of GGNLinearOperator (one product).
* Fisherwatch: `estimate` on the graph that the Python client writes. Warm: seconds of a run of many times the batch less those of
  a run of a few (hundreds of a small model, until the JVM has compiled what it runs), per batch. It gives lower and upper bound,
  gaps and figures layer by layer besides, and for small models a spectrum. Cold is a run of one batch.

Errors are against `estimate --estimator exact`, which is checked against nngeometry's exact diagonal where that is there: of the
trace relative (root mean square), of the diagonal the median of |d - exact| / exact over entries that are not zero. Time at
equal error: time × (error / target)², once where the error is below the target already.
"""

import argparse
import csv
import gzip
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types

import torch
from safetensors.torch import load_file, save_file
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "src/main/python"))
from fisherwatch._trace import trace as export  # noqa: E402

DIGITS = ROOT / "src/main/resources/io/fisherwatch/demo/digits.csv.gz"
TRACE_TARGET, DIAGONAL_TARGET = 0.05, 0.1


class Case:
    """A model with a batch and the files of both."""

    jar = ROOT / "target/fisherwatch.jar"

    def __init__(self, name, model, inputs, labels, folder):
        self.name, self.model, self.inputs, self.labels = name, model.eval(), inputs, labels
        self.graph, self.batch = folder / f"{name}.pt", folder / f"{name}.safetensors"
        export(model, tuple(value[:3] for value in inputs.values())).save(self.graph)
        save_file({**inputs, "labels": labels}, self.batch)
        self.names = [name for name, _ in model.named_parameters()]
        self.exact = None

    def estimate(self, arguments, batches=1, diagonal=None):
        """One run of the jar: its JSON, and the diagonal of F in the order of the parameters."""
        command = ["java", "-jar", str(self.jar), "estimate", "--quiet", "--graph", str(self.graph), *arguments]
        command += ["--inputs", ",".join(self.inputs)] + ["--batch", str(self.batch)] * batches
        command += ["--diagonal", str(diagonal)] if diagonal else []
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        tensors = load_file(diagonal) if diagonal else {}
        return figures, flat([tensors[f"fisher/{name}"] for name in self.names]) if diagonal else None

    def error(self, diagonal):
        """Relative error of the trace, and median relative error of the entries."""
        exact = self.exact.double()
        known = exact > 0
        relative = ((diagonal.double() - exact)[known] / exact[known]).abs()
        return float(diagonal.double().sum() / exact.sum()) - 1, float(relative.median())


def flat(tensors):
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def timed(work, repeats):
    """Median seconds of a call, after a warm-up, and what the calls gave."""
    work()
    seconds, results = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        results.append(work())
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), results


class Rows:
    """The table in the making."""

    def __init__(self):
        self.lines, self.missing = [], []

    def add(self, case, library, what, seconds, diagonals=None, traces=None):
        errors = [case.error(d) for d in diagonals] if diagonals else [(t / float(case.exact.sum()) - 1, None) for t in traces]
        trace = (sum(e[0] ** 2 for e in errors) / len(errors)) ** 0.5
        entries = statistics.median(e[1] for e in errors) if diagonals else None
        def at(error, target):
            return "–" if error is None else f"{1e3 * seconds * max(1.0, (error / target) ** 2):.4g} ms"
        shown = "–" if entries is None else f"{100 * entries:.2g} %"
        self.lines.append(f"| {case.name} | {library} | {what} | {1e3 * seconds:.4g} ms | {100 * trace:.2g} % | {shown} | "
                          f"{at(trace, TRACE_TARGET)} | {at(entries, DIAGONAL_TARGET)} |")
        print(self.lines[-1], file=sys.stderr)

    def attempt(self, case, library, work):
        """Other people's code on our model: what it refuses is told, and the rest goes on."""
        try:
            work()
        except (ImportError, NotImplementedError, RuntimeError, AttributeError, TypeError, KeyError, ValueError, AssertionError) as e:
            reason = (str(e).strip() or "no message").splitlines()[0][:160]
            self.missing.append(f"* {library} on {case.name}: {type(e).__name__}: {reason}")
            print(self.missing[-1], file=sys.stderr)


def backpack(case, rows, repeats):
    from backpack import backpack as collecting
    from backpack import extend
    from backpack.extensions import DiagGGNExact, DiagGGNMC

    model, loss = extend(case.model), extend(nn.CrossEntropyLoss())

    def work(extension, field):
        with collecting(extension()):
            loss(model(*case.inputs.values()), case.labels).backward()
        model.zero_grad()
        return flat([getattr(p, field) for p in model.parameters()])

    for what, extension, field in (("exact", DiagGGNExact, "diag_ggn_exact"), ("Monte Carlo, 1", DiagGGNMC, "diag_ggn_mc")):
        seconds, diagonals = timed(lambda e=extension, f=field: work(e, f), repeats)
        rows.add(case, "BackPACK", what, seconds, diagonals)


def nngeometry(case, rows, repeats):
    from nngeometry.metrics import FIM, FIM_MonteCarlo
    from nngeometry.object import PMatDiag

    examples = [*case.inputs.values(), case.labels]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*examples), batch_size=len(case.labels))

    def function(*given):
        return case.model(*given[: len(case.inputs)])

    def exact():
        return FIM(case.model, loader, PMatDiag, function=function).get_diag()

    def sampled():
        return FIM_MonteCarlo(case.model, loader, PMatDiag, function=function).get_diag()

    seconds, diagonals = timed(exact, max(1, repeats // 3))
    rows.add(case, "nngeometry", "exact", seconds, [d.detach() for d in diagonals])
    seconds, diagonals = timed(sampled, repeats)
    rows.add(case, "nngeometry", "Monte Carlo, 1", seconds, [d.detach() for d in diagonals])


def curvlinops(case, rows, repeats):
    if "linear_operator" not in sys.modules:
        try:
            import linear_operator  # noqa: F401
        except ImportError:  # curvlinops imports it for inverses, which are not measured
            for name in ("linear_operator", "linear_operator.utils", "linear_operator.utils.linear_cg"):
                sys.modules[name] = types.ModuleType(name)
            sys.modules["linear_operator.utils.linear_cg"].linear_cg = None
    from curvlinops import GGNDiagonalLinearOperator, GGNLinearOperator, hutchinson_trace

    class Dict(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, inputs):
            given = list(inputs.values())
            if given[0].dim() == 1:  # vmapped over examples, which the model wants a dimension for
                return self.model(*[tensor.unsqueeze(0) for tensor in given]).squeeze(0)
            return self.model(*given)

    many = len(case.inputs) > 1
    model = Dict(case.model) if many else case.model
    data = [(case.inputs if many else next(iter(case.inputs.values())), case.labels)]
    given = {"check_deterministic": False, "num_data": len(case.labels)}
    if many:
        given["batch_size_fn"] = lambda inputs: len(next(iter(inputs.values())))
    parameters = dict(model.named_parameters())
    seeds = iter(range(10**6))

    def diagonal(samples):
        operator = GGNDiagonalLinearOperator(model, nn.CrossEntropyLoss(), parameters, data, mc_samples=samples,
                                             seed=next(seeds), **given)
        return flat(operator._diagonal)

    def trace():
        operator = GGNLinearOperator(model, nn.CrossEntropyLoss(), parameters, data, **given)
        return float(hutchinson_trace(operator, 1))

    for what, samples in (("diagonal, exact", 0), ("diagonal, Monte Carlo, 1", 1)):
        def one(what=what, samples=samples):
            seconds, diagonals = timed(lambda: diagonal(samples), repeats)
            rows.add(case, "curvlinops", what, seconds, diagonals)
        rows.attempt(case, "curvlinops, " + what, one)
    seconds, traces = timed(trace, 3 * repeats)
    rows.add(case, "curvlinops", "Hutchinson trace, 1 product", seconds, traces=traces)


def fisherwatch(case, rows, threads, folder, few, many, only):
    ways = {
        "default": [],
        "rank 0, 1 probe": ["--rank", "0", "--probes", "1"],
        "rank 0, 4 probes": ["--rank", "0", "--probes", "4"],
        "exact": ["--estimator", "exact"],
        "default, no spectrum": ["--spectrum", "none"],
        "exact, no spectrum": ["--estimator", "exact", "--spectrum", "none"],
    }
    for what, arguments in ways.items():
        if not what.endswith(only):
            continue
        arguments = [*arguments, "--threads", str(threads)]
        diagonals = [case.estimate([*arguments, "--seed", str(seed)], diagonal=folder / "d.safetensors")[1] for seed in range(3)]
        cold = case.estimate(arguments)[0]
        warm = []
        for _ in range(3):
            first, last = (case.estimate(arguments, batches=count)[0]["seconds"] for count in (few, many))
            warm.append((last - first) / (many - few))
        path = cold["path"]
        label = f"{what} ({path}; cold {1e3 * cold['seconds']:.4g} ms)"
        rows.add(case, "Fisherwatch", label, max(1e-9, statistics.median(warm)), diagonals)


def digits(folder, trained):
    torch.manual_seed(1)
    with gzip.open(DIGITS, "rt") as lines:
        rows = torch.tensor([[int(v) for v in row] for row in csv.reader(lines)])
    pixels, labels = rows[:, :64].float() / 16, rows[:, 64].long()
    model = nn.Sequential(nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 10))
    if trained:
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        for _ in range(600):
            chosen = torch.randint(len(rows), (64,))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(pixels[chosen]), labels[chosen]).backward()
            optimizer.step()
        model.zero_grad()
    name = "digits-trained" if trained else "digits"
    return Case(name, model, {"pixels": pixels[:128].contiguous()}, labels[:128].contiguous(), folder)


def middling(folder):
    """Random weights, inputs and labels, without the spectrum: a perceptron of 535,818 parameters and convolutions of 97,290."""
    torch.manual_seed(1)
    perceptron = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    convolutions = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4096, 10),
    )
    for name, model, shape in (("perceptron", perceptron, (784,)), ("convolutions", convolutions, (3, 32, 32))):
        yield Case(name, model, {"inputs": torch.randn(64, *shape)}, torch.randint(10, (64,)), folder)


def distilbert(folder, made):
    from make_distilbert import DistilBertConfig, DistilBertForSequenceClassification, Logits

    reference = DistilBertForSequenceClassification(DistilBertConfig(num_labels=4, attn_implementation="eager"))
    model = Logits(reference)
    model.load_state_dict(torch.jit.load(made / "graph.pt").state_dict(), strict=False)
    batch = load_file(made / "batch.safetensors")
    return Case("distilbert", model, {k: batch[k] for k in ("input_ids", "attention_mask")}, batch["labels"], folder)


def measure(case, rows, parsed, folder, few, many, repeats, only=""):
    case.exact = case.estimate(["--estimator", "exact", "--threads", str(parsed.threads)], diagonal=folder / "e.safetensors")[1]
    fisherwatch(case, rows, parsed.threads, folder, few, many, only)
    rows.attempt(case, "nngeometry", lambda: nngeometry(case, rows, repeats))
    rows.attempt(case, "curvlinops", lambda: curvlinops(case, rows, repeats))
    rows.attempt(case, "BackPACK", lambda: backpack(case, rows, repeats))  # last: it puts hooks into the model


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--distilbert", type=pathlib.Path, help="folder that make_distilbert.py made")
    parser.add_argument("--only", choices=("digits", "middling", "distilbert"), help="one kind of models alone")
    parser.add_argument("--jar", type=pathlib.Path, default=Case.jar)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parsed = parser.parse_args()
    if parsed.only == "distilbert" and not parsed.distilbert:
        parser.error("--only distilbert wants --distilbert DIR")
    torch.set_num_threads(parsed.threads)
    Case.jar = parsed.jar
    rows = Rows()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for trained in (False, True) if parsed.only in (None, "digits") else ():
            measure(digits(folder, trained), rows, parsed, folder, 400, 1200, parsed.repeats)
        for case in middling(folder) if parsed.only in (None, "middling") else ():
            few = 80 if case.name == "perceptron" else 4
            measure(case, rows, parsed, folder, few, 3 * few, parsed.repeats, "no spectrum")
        if parsed.distilbert and parsed.only in (None, "distilbert"):
            case = distilbert(folder, parsed.distilbert)
            measure(case, rows, parsed, folder, 1, 3, max(1, parsed.repeats // 3))
    print(f"torch {torch.__version__}, {parsed.threads} threads, load {pathlib.Path('/proc/loadavg').read_text().split()[0]} at the end\n")
    print("| model | library | what | time | error of tr F | error of the diagonal | time to 5 % of the trace | time to 10 % of the diagonal |")
    print("| --- " * 8 + "|")
    print("\n".join(rows.lines))
    if rows.missing:
        print("\nWhat is not there, or not for this model:\n\n" + "\n".join(rows.missing))


if __name__ == "__main__":
    main()
