"""Traced networks: tapped where their layers allow it, plain with a reason where they do not."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fisherwatch import _taps
from fisherwatch._trace import TracedGraph, trace


class Mlp(nn.Module):
    """Two layers."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(5, 8)
        self.act = nn.ReLU(inplace=inplace)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.hidden(x)))


class Conv(nn.Module):
    """Convolutions with options, and batch norm in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, stride=2, padding=(1, 2), dilation=(1, 2), groups=2)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv1d(4, 6, 3, padding="same")
        self.head = nn.Linear(6, 3)
        self.norm.running_mean.normal_()

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.first(x))).flatten(2)
        return self.head(torch.relu(self.second(x)).mean(2))


class Transformer(nn.Module):
    """Embedded words with padding, embedded positions of the same for all examples, one block."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(11, 8, padding_idx=0), nn.Embedding(7, 8)
        self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.act = nn.ReLU(inplace=inplace)
        self.feed = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)
        self.register_buffer("ids", torch.arange(7).unsqueeze(0))

    def forward(self, words: Tensor) -> Tensor:
        ids = self.ids[:, : words.shape[1]]  # type: ignore[index]
        x = self.words(words) + self.places(ids)
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        x = self.norm(x + torch.softmax(scores, -1) @ self.value(x))
        x = x + self.act(self.feed(x))
        return self.head(x.mean(1))


class Twice(nn.Module):
    """One layer called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.layer(torch.tanh(self.layer(x)))))


class Merged(Mlp):
    """Rows of all examples in one dimension."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(-1, 5)).reshape(len(x), -1, 3).mean(1)


class SequenceFirst(Mlp):
    """The example is the second dimension."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(0, 1)).mean(0)


class Direct(Mlp):
    """A layer's weight is used once more outside the layer."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.head.weight.square().mean()


class Tied(nn.Module):
    """An embedding that is the decoder too."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(6, 4)
        self.decoder = nn.Linear(4, 6)
        self.decoder.weight = self.words.weight

    def forward(self, words: Tensor) -> Tensor:
        return self.decoder(torch.tanh(self.words(words)))


class Mixing(Mlp):
    """Examples are centred on their mean, so that none is by itself."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - 0.5 * x.mean(0)).sub(0) + super().forward(x).mean(0)


class Outputs(Mlp):
    """The logits come second."""

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        return {"loss": logits.sum(), "logits": logits}


def words(examples: int, length: int) -> Tensor:
    return torch.randint(11, (examples, length))


TAPPED = {
    "mlp": (Mlp(), (torch.randn(4, 5),), (torch.randn(6, 5),)),
    "inplace": (Mlp(inplace=True), (torch.randn(4, 5),), (torch.randn(1, 5),)),
    "one example": (Mlp(), (torch.randn(1, 5),), (torch.randn(3, 5),)),
    "conv": (Conv(), (torch.randn(4, 2, 6, 6),), (torch.randn(3, 2, 8, 6),)),
    "transformer": (Transformer(), (words(4, 5),), (words(3, 7),)),
    "transformer, inplace": (Transformer(inplace=True), (words(4, 5),), (words(1, 6),)),
    "twice": (Twice(), (torch.randn(4, 5),), (torch.randn(2, 5),)),
}


def squares_agree(graph: TracedGraph, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Every example's gradient from the graph's taps is that of the example alone."""
    roles = graph.roles
    assert roles is not None
    with torch.jit.optimized_execution(False):  # as the agent does
        output, *taps = graph.script.tapped(*inputs)
    u = torch.randn_like(output)
    deltas = torch.autograd.grad(output, taps[0::2], u)
    parameters = dict(module.named_parameters())
    for example in range(len(output)):
        alone = module(*(x[example : example + 1] for x in inputs))
        gradients = torch.autograd.grad(alone, [parameters[r.parameter] for r in roles], u[example : example + 1])
        for role, expected in zip(roles, gradients):
            found = sum(
                _taps.contract(role, deltas[t][example], taps[2 * t + 1][example], expected.shape) for t in role.taps
            )
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TAPPED)
def test_known_layers_are_tapped_for_any_batch_and_length(name: str) -> None:
    module, inputs, others = TAPPED[name]
    graph = trace(module.eval(), inputs)
    assert (graph.path, graph.reason) == ("tapped", None)
    squares_agree(graph, module, others)
    torch.testing.assert_close(graph.script(*others), module(*others))


PLAIN = {
    "merged": (Merged(), (torch.randn(4, 7, 5),), "'hidden' does not have the examples as its first dimension"),
    "sequence first": (SequenceFirst(), (torch.randn(4, 7, 5),), "'hidden' does not have the examples"),
    "direct": (Direct(), (torch.randn(4, 5),), "'head.weight' does not follow from its layer's calls alone"),
    "mixing": (Mixing(), (torch.randn(4, 5),), "examples are not kept apart"),
    "tied": (Tied(), (torch.randint(6, (4, 3)),), "'words.weight' is used in different ways: embedding and linear"),
    "no rule": (nn.Sequential(nn.Linear(5, 4), nn.PReLU()), (torch.randn(4, 5),), "'1' (PReLU), which has no rule"),
    "max norm": (
        nn.Embedding(6, 4, max_norm=1.0),
        (torch.randint(6, (4,)),),
        "the model itself (Embedding), which has no rule",
    ),
    "padding": (
        nn.Sequential(nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"), nn.Flatten()),
        (torch.randn(4, 2, 5),),
        "'0' (Conv1d), which has no rule",
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_everything_else_is_plain_with_a_reason(name: str, tmp_path: Path) -> None:
    module, inputs, reason = PLAIN[name]
    graph = trace(module.eval(), inputs)
    assert graph.path == "plain"
    assert reason in str(graph.reason)
    assert not hasattr(graph.script, "tapped")
    torch.testing.assert_close(graph.script(*inputs), module(*inputs))
    graph.save(tmp_path / "graph.pt")
    assert description(tmp_path / "graph.pt") == {"version": 1, "plain": graph.reason}


def test_sequence_as_long_as_the_batch_is_not_taken_for_it() -> None:
    graph = trace(SequenceFirst().eval(), (torch.randn(4, 4, 5),))
    assert graph.path == "plain"


def test_frozen_parameters_have_no_rule_and_unused_ones_say_so() -> None:
    module = Mlp().eval()
    module.hidden.weight.requires_grad_(False)
    module.add_module("spare", nn.Linear(2, 2, bias=False))
    graph = trace(module, (torch.randn(4, 5),))
    assert graph.roles is not None
    assert {r.parameter: r.rule for r in graph.roles} == {
        "hidden.bias": "shift",
        "head.weight": "linear",
        "head.bias": "shift",
        "spare.weight": "unused",
    }


def test_other_outputs_are_selected_and_the_class_is_restored() -> None:
    module = Outputs().eval()
    graph = trace(module, (torch.randn(4, 5),), lambda outputs: outputs["logits"])
    assert graph.path == "tapped"
    assert type(module) is Outputs
    assert set(dict(graph.script.named_parameters())) == set(dict(module.named_parameters()))


def test_saved_file_has_both_methods_and_the_description(tmp_path: Path) -> None:
    module, inputs, others = TAPPED["transformer"]
    trace(module.eval(), inputs).save(tmp_path / "graph.pt")
    loaded = torch.jit.load(str(tmp_path / "graph.pt"))
    torch.testing.assert_close(loaded(*others), loaded.tapped(*others)[0])
    words_rule = description(tmp_path / "graph.pt")["parameters"][0]
    assert words_rule == {"name": "words.weight", "rule": "embedding", "taps": [0], "options": [0]}


def test_wrong_rule_does_not_pass_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    right = _taps.contract

    def wrong(role: _taps.Role, *rest: Any) -> Tensor:
        return right(role, *rest) * (1.01 if role.rule == "shift" else 1.0)

    monkeypatch.setattr(_taps, "contract", wrong)
    graph = trace(Mlp().eval(), (torch.randn(4, 5),))
    assert "'hidden.bias' does not follow" in str(graph.reason)


def description(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("extra/fisherwatch.json"))
        return json.loads(archive.read(name))
