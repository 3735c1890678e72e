"""Writes src/test/resources/models: small graphs with what is to be estimated on them.

    python src/test/python/make_models.py [OUTPUT] [--only KIND]

Every kind has graph.pt (traced or scripted, untrained), weights.safetensors (other values than the
graph's, to be copied into it), batch.safetensors, case.json (what the command line must be told),
expected.json (reference.py's figures, with the weights in place) and expected_diagonal.safetensors.
Everything follows from fixed seeds; see README.md.
"""

import argparse
import json
import multiprocessing
import pathlib
import shutil
import sys
import zlib

import torch
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "main/python"))
import reference
from bad_models import write_bad
from fisherwatch._trace import first_output, trace
from networks import (
    Branches,
    Classifier,
    ConvBatchNorm,
    DictOutput,
    Mixed,
    Positions,
    Scalars,
    Strided,
    TiedModule,
    TiedTensor,
    Tokens,
    TransformerTuple,
    Unused,
)

MODELS = pathlib.Path(__file__).resolve().parents[1] / "resources/models"


class Case:
    """One kind of model, with the options that the command line needs for it."""

    def __init__(self, model, batch, inputs, select=lambda out: out, script=False, half=(), every_name=False, tapped=False,
                 lie=None, **options):
        self.model, self.batch, self.inputs, self.select = model.eval(), batch, inputs, select
        self.tapped, self.lie = tapped, lie
        self.script, self.half, self.every_name, self.options = script, dict(half), every_name, options

    def write(self, folder):
        folder.mkdir(parents=True)
        arguments = tuple(self.batch[name] for name in self.inputs)
        if self.tapped:
            save_tapped(self.model, arguments, self.select, folder / "graph.pt", self.lie)
        else:
            save_graph(self.model, arguments, folder / "graph.pt", self.script)
        weights = self.replace_weights()
        save_file(weights, folder / "weights.safetensors")
        save_file({k: v.contiguous() for k, v in self.batch.items()}, folder / "batch.safetensors")
        rules = self.options.pop("rules", ())
        if rules:
            write_json(folder / "layers.json", rules)
        case = {"inputs": self.inputs, **self.options, **({"layers": "layers.json"} if rules else {})}
        write_json(folder / "case.json", case)
        mask = self.batch.get(self.options.get("mask"))
        figures, diagonals = reference.estimate(
            self.model,
            arguments,
            self.select,
            labels=self.batch.get("labels"),
            mask=mask,
            likelihood=self.options.get("likelihood", "categorical"),
            sigma=self.options.get("sigma"),
            rules=rules,
        )
        write_json(folder / "expected.json", figures)
        save_file(
            {name: torch.from_numpy(d.copy()).to(torch.float32) for name, d in diagonals.items() if "empirical" not in name},
            folder / "expected_diagonal.safetensors",
        )
        self.check_graph(folder, arguments, weights)

    def replace_weights(self):
        """Gives the model other weights than its graph has; returns them as the file holds them."""
        weights, written = {}, {}
        with torch.no_grad():
            for name, tensor in self.model.state_dict().items():
                if not tensor.is_floating_point():
                    continue
                if tensor.data_ptr() in written:
                    if self.every_name:
                        weights[name] = weights[written[tensor.data_ptr()]].clone()
                    continue
                written[tensor.data_ptr()] = name
                other = tensor * 0.9 + 0.2 * torch.rand(tensor.shape, dtype=tensor.dtype).sub(0.5)
                if name.endswith("running_var") or tensor.count_nonzero() == 0 and "bias" not in name:
                    other = tensor * 1.7
                weights[name] = other.to(self.half.get(name, tensor.dtype)).contiguous()
                tensor.copy_(weights[name])
        return weights

    def check_graph(self, folder, arguments, weights):
        """The file computes what the model does, for the batch and for one example of it."""
        graph = torch.jit.load(str(folder / "graph.pt"))
        state = graph.state_dict()
        with torch.no_grad():
            for name, tensor in weights.items():
                state[name].copy_(tensor)
        for count in (len(arguments[0]), 1):
            part = [x[:count] for x in arguments]
            torch.testing.assert_close(self.select(graph(*part)), self.select(self.model(*part)))


def save_graph(model, arguments, path, script=False):
    made = torch.jit.script(model) if script else torch.jit.trace(model, arguments, strict=False, check_trace=False)
    made.save(str(path))
    drop_sources(path)


def save_tapped(model, arguments, select, path, lie):
    traced = trace(model, arguments, lambda outputs: first_output(select(outputs)))
    assert traced.path == "tapped", traced.reason
    traced.save(path)
    drop_sources(path, lie)


def drop_sources(path, change=None):
    """Writes an archive anew without its debug records, which name files of this machine."""
    records = torch._C.PyTorchFileReader(str(path))
    kept = {n: records.get_record(n) for n in records.get_all_records() if not n.endswith(".debug_pkl")}
    writer = torch._C.PyTorchFileWriter(str(path))
    for name, data in kept.items():
        if change is not None and name == "extra/fisherwatch.json":
            data = change(data)
        if not name.startswith((".data/", "version", "byteorder")):  # the writer's own
            writer.write_record(name, data, len(data))
    writer.write_end_of_file()


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def floats(*shape, dtype=torch.float32):
    return torch.randn(*shape).to(dtype)


def classes(count, *shape):
    return torch.randint(count, shape)


def plain(n=12, features=5, count=10, dtype=torch.float32):
    return {"x": floats(n, features, dtype=dtype), "labels": classes(count, n)}


def padding(n, positions):
    lengths = torch.randint(2, positions + 1, (n, 1))
    return (torch.arange(positions) < lengths).to(torch.int64)


def transformer_mask():
    batch = {"input_ids": classes(20, 5, 6), "attention_mask": padding(5, 6), "labels": classes(3, 5)}
    model = TransformerTuple(20, 8, 6, 3)
    return Case(model, batch, ["input_ids", "attention_mask"], lambda out: out[1], logitsIndex=1)


def tokens():
    batch = {"ids": classes(9, 4, 5), "mask": padding(4, 5), "labels": classes(6, 4, 5)}
    return Case(Tokens(9, 6, 5, 6), batch, ["ids"], mask="mask")


def tokens_ignored_labels():
    labels = classes(6, 4, 5)
    labels[padding(4, 5) == 0] = reference.IGNORED
    labels[0, 1] = reference.IGNORED
    return Case(Tokens(9, 6, 5, 6), {"ids": classes(9, 4, 5), "labels": labels}, ["ids"])


def frozen():
    model = Classifier(5, 7, 10)
    model.hidden.requires_grad_(False)
    model.head.bias.requires_grad_(False)
    return Case(model, plain(), ["x"])


def half_precision():
    types = {"hidden.weight": torch.float16, "hidden.bias": torch.bfloat16, "head.weight": torch.bfloat16}
    return Case(Classifier(5, 7, 10), plain(), ["x"], half=types)


def confident():
    """Every output is one-hot but for some 1e-10, so that diag(p) - p p' is all cancellation."""
    batch = plain(count=4)
    model = Classifier(5, 7, 4)
    with torch.no_grad():
        model.head.weight.mul_(5)
        model.head.bias[2] = 28
    return Case(model, batch, ["x"])


def uniform():
    model = Classifier(5, 7, 6, bias=False)
    nn.init.zeros_(model.head.weight)
    return Case(model, plain(count=6), ["x"])


def layers_rules():
    rules = [
        {"name": "biases", "match": r"\.bias$"},
        {"name": "body", "match": "^hidden"},
        {"name": "never", "match": "^head\\.bias$"},
    ]
    return Case(Classifier(5, 7, 10), plain(), ["x"], rules=rules)


def several_inputs():
    batch = {"amount": floats(8, 3), "kind": classes(6, 8), "labels": classes(4, 8)}
    return Case(Mixed(3, 6, 4), batch, ["kind", "amount"])


def image():
    return {"image": floats(6, 2, 6, 6), "labels": classes(5, 6)}


def tapped_positions():
    batch = {"input_ids": classes(20, 5, 6), "attention_mask": padding(5, 6), "labels": classes(3, 5)}
    return Case(Positions(20, 8, 6, 3), batch, ["input_ids", "attention_mask"], tapped=True)


def tapped_tokens():
    batch = {"ids": classes(9, 4, 5), "mask": padding(4, 5), "labels": classes(6, 4, 5)}
    return Case(Positions(9, 6, 5, 6, pool=False), batch, ["ids"], mask="mask", tapped=True)


def other_taps(description):
    """Says that a layer's scale is tapped where its neighbour's is: shapes agree, figures do not."""
    said = json.loads(description)
    rules = {entry["name"]: entry for entry in said["parameters"]}
    rules["enter.weight"]["taps"], rules["leave.weight"]["taps"] = [1], [0]
    return json.dumps(said).encode()


def tapped_lie():
    model = nn.Sequential()
    for name in ("enter", "leave"):
        model.add_module(name, nn.Linear(5, 5))
        model.add_module(name + "-tanh", nn.Tanh())
    return Case(model, plain(count=5), ["x"], tapped=True, lie=other_taps)


KINDS = {
    "tapped-mlp": lambda: Case(Classifier(5, 8, 10), plain(), ["x"], tapped=True),
    "tapped-conv": lambda: Case(ConvBatchNorm(5), image(), ["image"], tapped=True),
    "tapped-conv-strided": lambda: Case(Strided(5), image(), ["image"], tapped=True),
    "tapped-positions": tapped_positions,
    "tapped-tokens": tapped_tokens,
    "tapped-tied": lambda: Case(TiedModule(6, 4), plain(features=6, count=4), ["x"], tapped=True),
    "tapped-unused": lambda: Case(Unused(5, 6, 4), plain(count=4), ["x"], tapped=True),
    "tapped-double": lambda: Case(
        Classifier(5, 7, 10).double(), plain(dtype=torch.float64), ["x"], tapped=True
    ),
    "tapped-lie": tapped_lie,
    "mlp": lambda: Case(Classifier(5, 8, 10), plain(), ["x"]),
    "mlp-two-classes": lambda: Case(Classifier(5, 6, 2), plain(count=2), ["x"]),
    "thousand-classes": lambda: Case(Classifier(4, 3, 1000), plain(4, 4, 1000), ["x"]),
    "conv-batchnorm": lambda: Case(
        ConvBatchNorm(5), {"image": floats(6, 2, 6, 6), "labels": classes(5, 6)}, ["image"]
    ),
    "transformer-mask": transformer_mask,
    "tokens": tokens,
    "tokens-ignored-labels": tokens_ignored_labels,
    "dict-output": lambda: Case(
        DictOutput(5, 6, 4), plain(count=4), ["x"], lambda out: out["scores"], logitsKey="scores"
    ),
    "tied-module": lambda: Case(TiedModule(6, 4), plain(features=6, count=4), ["x"]),
    "tied-tensor": lambda: Case(
        TiedTensor(8, 5), {"ids": classes(8, 4, 5), "labels": classes(8, 4, 5)}, ["ids"], every_name=True
    ),
    "unused-parameter": lambda: Case(Unused(5, 6, 4), plain(count=4), ["x"]),
    "frozen-parameter": frozen,
    "several-inputs": several_inputs,
    "scripted": lambda: Case(Branches(5, 6, 4), plain(count=4), ["x"], script=True),
    "double-precision": lambda: Case(Classifier(5, 7, 10).double(), plain(dtype=torch.float64), ["x"]),
    "half-precision-weights": half_precision,
    "confident": confident,
    "uniform": uniform,
    "scalar-parameter": lambda: Case(Scalars(5, 6, 4), plain(count=4), ["x"]),
    "bernoulli": lambda: Case(Classifier(5, 6, 7), {"x": floats(9, 5)}, ["x"], likelihood="bernoulli"),
    "gaussian": lambda: Case(Classifier(5, 6, 3), {"x": floats(9, 5)}, ["x"], likelihood="gaussian", sigma=0.7),
    "layers-rules": layers_rules,
}


def write(kind, folder):
    """Makes one kind anew."""
    torch.set_num_threads(1)
    torch.manual_seed(zlib.crc32(kind.encode()))
    if kind == "bad":
        write_bad(folder)
    else:
        KINDS[kind]().write(folder)
    print(kind, sum(f.stat().st_size for f in folder.iterdir()), "bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", nargs="?", type=pathlib.Path, default=MODELS)
    parser.add_argument("--only", choices=[*KINDS, "bad"], help="one kind, leaving the others as they are")
    options = parser.parse_args()
    for kind in [options.only] if options.only else [*KINDS, "bad"]:
        shutil.rmtree(options.output / kind, ignore_errors=True)
        # A process each: the names of classes in a graph count up within one.
        process = multiprocessing.get_context("fork").Process(target=write, args=(kind, options.output / kind))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"{kind} failed")


if __name__ == "__main__":
    main()
