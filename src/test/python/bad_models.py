"""What must be refused: files of make_models.py that are wrong, each in one way."""

import json

import torch
from safetensors.torch import save_file
from torch import nn

from networks import Classifier


class Greedy(nn.Module):
    """Takes more memory than any machine has."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) + torch.zeros([1 << 46]).sum()


class GreedyTaps(nn.Module):
    """Takes it when its layers' outputs are asked for."""

    TAPS = {
        "version": 1,
        "parameters": [
            {"name": "only.weight", "rule": "linear", "taps": [0], "options": []},
            {"name": "only.bias", "rule": "shift", "taps": [0], "options": [0]},
        ],
    }

    def __init__(self):
        super().__init__()
        self.only = nn.Linear(5, 4)

    def forward(self, x):
        return self.only(x)

    @torch.jit.export
    def tapped(self, x):
        y = self.only(x) + torch.zeros([1 << 46]).sum()
        return y, y, x


def write_bad(folder):
    """A good graph, weights and batch, and beside them the bad ones; the names say what is wrong."""
    folder.mkdir(parents=True)
    model, x = Classifier(5, 7, 4).eval(), torch.randn(6, 5)
    save_trace(model, x, folder / "graph.pt")
    weights = {name: t.detach().clone() for name, t in model.named_parameters()}
    save_file(weights, folder / "weights.safetensors")
    save_file({"x": x}, folder / "batch.safetensors")

    good = (folder / "weights.safetensors").read_bytes()
    (folder / "truncated.safetensors").write_bytes(good[: len(good) - 40])
    nan = {name: t.clone() for name, t in weights.items()}
    nan["head.bias"][1] = float("nan")
    save_file(nan, folder / "nan-weights.safetensors")
    save_file({k: v for k, v in weights.items() if k != "head.bias"}, folder / "missing-weights.safetensors")
    save_file({**weights, "tail.bias": torch.zeros(2)}, folder / "unknown-weights.safetensors")
    save_file({**weights, "head.bias": torch.zeros(5)}, folder / "misshapen-weights.safetensors")

    (folder / "text.pt").write_text("This is no TorchScript archive.\n")
    torch.jit.freeze(torch.jit.trace(model, x)).save(str(folder / "frozen.pt"))
    save_trace(Classifier(5, 7, 1).eval(), x, folder / "one-class.pt")
    save_trace(nn.Sequential(nn.Linear(5, 6), nn.Unflatten(1, (1, 2, 3))).eval(), x, folder / "four-dimensions.pt")
    torch.jit.script(Greedy(torch.jit.trace(model, x))).save(str(folder / "greedy.pt"))

    save_file({"x": x[:0]}, folder / "empty.safetensors")
    save_file({"y": x, "z": x.clone()}, folder / "missing-input.safetensors")
    save_file({"x": torch.ones(6, 5, dtype=torch.int64)}, folder / "integer-input.safetensors")
    save_file({"x": torch.randn(6, 4)}, folder / "narrow-input.safetensors")
    save_file({"x": x, "labels": torch.tensor([0, 1, 2, 3, 4, 0])}, folder / "label-out-of-range.safetensors")

    taps = {"fisherwatch.json": json.dumps(GreedyTaps.TAPS).encode()}
    torch.jit.save(torch.jit.script(GreedyTaps()), str(folder / "greedy-taps.pt"), _extra_files=taps)


def save_trace(model, x, path):
    torch.jit.trace(model, x).save(str(path))
