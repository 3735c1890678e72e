"""The exported graph is the model, and the model stays what it was."""

from __future__ import annotations

import random
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from conftest import Mlp
from torch import nn

import fisherwatch
from fisherwatch import ExportError

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))


def load(graph: fisherwatch.Graph, folder: Path) -> torch.jit.ScriptModule:
    graph.save(str(folder / "graph.pt"))
    return torch.jit.load(str(folder / "graph.pt"))


def names(module: Any) -> set[str]:
    return {name for name, _ in module.named_parameters()}


class Returns(nn.Module):
    """A model whose output is put into any form."""

    def __init__(self, form: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)
        self.form = form

    def forward(self, features: torch.Tensor) -> Any:
        return self.form(self.layer(features))


Output = namedtuple("Output", "loss logits")


@pytest.mark.parametrize(
    ("form", "pick"),
    [
        (lambda z: z, None),
        (lambda z: (z, z * 2), None),
        (lambda z: (z * 2, z), 1),
        (lambda z: {"logits": z, "other": z * 2}, None),
        (lambda z: {"only": z}, None),
        (lambda z: {"a": z * 2, "scores": z}, "scores"),
        (lambda z: Output(None, z), None),
        (lambda z: {"deep": (z * 2, z)}, lambda output: output["deep"][1]),
    ],
)
def test_outputs_of_every_form(tmp_path: Path, form: Any, pick: Any) -> None:
    model = Returns(form)
    graph = load(fisherwatch.export(model, X, logits=pick), tmp_path)
    torch.testing.assert_close(graph(X), model.layer(X))
    assert names(graph) == names(model)


@pytest.mark.parametrize(
    ("form", "pick", "message"),
    [
        (lambda z: {"a": z, "b": z}, None, "with a, b"),
        (lambda z: {"a": z}, "logits", "logits='logits' picks nothing"),
        (lambda z: (z,), 4, "logits=4 picks nothing"),
        (lambda z: "text", None, "returns str"),
        (lambda z: z.sum(1), None, r"\(5,\)"),
        (lambda z: z.t(), None, "first dimension"),
    ],
)
def test_unclear_outputs_are_told(form: Any, pick: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        fisherwatch.export(Returns(form), X, logits=pick)


class Two(nn.Module):
    """Takes its inputs in an order of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, left: torch.Tensor, right: torch.Tensor, labels: Any = None) -> torch.Tensor:
        return self.layer(left - 2 * right)


def test_inputs_of_every_form(tmp_path: Path) -> None:
    model, other = Two(), X + 1
    wanted = model(X, other)
    for batch in (
        {"right": other, "left": X, "labels": torch.ones(5), "index": torch.ones(5), "note": "x"},
        (X, other),
    ):
        graph = fisherwatch.export(model, batch)
        assert graph.call.names == ("left", "right")
        torch.testing.assert_close(load(graph, tmp_path)(X, other), wanted)
    picked = fisherwatch.export(model, [{"a": X, "b": other}], inputs=lambda batch: (batch[0]["a"], batch[0]["b"]))
    torch.testing.assert_close(load(picked, tmp_path)(X, other), wanted)
    with pytest.raises(fisherwatch.BatchError, match="no middle; it has left, right"):
        fisherwatch.export(model, {"left": X, "right": X}, inputs=["left", "middle"])


def test_one_example_is_enough(tmp_path: Path) -> None:
    model = Mlp()
    graph = load(fisherwatch.export(model, X[:1]), tmp_path)
    torch.testing.assert_close(graph(X), model.eval()(X))


class Drawing(Mlp):
    """Draws random numbers in evaluation mode, too, though nothing hangs on them."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return super().forward(features) + 0 * torch.rand(1) * random.random() * numpy.random.rand()


def test_the_model_stays_as_it_was() -> None:
    torch.manual_seed(5)
    model = Drawing()
    model.body[1].eval()  # a user who froze batch norm
    calls: list[str] = []
    model.head.register_full_backward_hook(lambda *_: calls.append("backward"))
    model.head.register_forward_hook(lambda *_: calls.append("forward"))
    model(X).sum().backward()
    state = {name: (tensor, tensor.clone()) for name, tensor in model.state_dict(keep_vars=True).items()}
    grads = {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}
    flags = [module.training for module in model.modules()]
    attributes = [set(module.__dict__) for module in model.modules()]
    calls.clear()
    random_states = torch.get_rng_state(), random.getstate(), str(numpy.random.get_state())
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        fisherwatch.export(model, X)
        assert torch.is_autocast_enabled("cpu") and not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), random_states[0]) and random.getstate() == random_states[1]
    assert str(numpy.random.get_state()) == random_states[2]
    assert [module.training for module in model.modules()] == flags and flags[0] and not flags[3]
    assert [set(module.__dict__) for module in model.modules()] == attributes
    for name, tensor in model.state_dict(keep_vars=True).items():
        assert tensor is state[name][0] and torch.equal(tensor, state[name][1]), name
    assert all(torch.equal(grads[name], p.grad) for name, p in model.named_parameters() if p.grad is not None)
    calls.clear()
    model(X).sum().backward()
    assert calls == ["forward", "backward"]


def test_the_model_stays_as_it_was_when_the_export_fails() -> None:
    model = Returns(lambda z: "text")
    with pytest.raises(ExportError):
        fisherwatch.export(model, X)
    assert model.training and model.layer.training


def test_a_buffer_that_the_forward_pass_changes_is_kept() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.layer(x)

    model = Counting()
    fisherwatch.export(model, X)
    assert model.calls.item() == 0


def test_shared_parameters_are_written_once(attach: Any, producer: Any, tmp_path: Path) -> None:
    import safetensors.torch

    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    model[2].weight = model[0].weight
    with attach(model, strict=True) as watch:
        watch.batch(X, step=0)
    (weights,) = (tmp_path / "store" / "r").glob("step-*")
    assert set(safetensors.torch.load_file(weights)) == {"0.weight", "0.bias", "2.bias"}


class Branches(nn.Module):
    """Decides by its data: a trace holds one way only, a script both."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.layer(x)
        if x.shape[0] % 2 == 0:
            z = z * 3
        return z


def test_what_a_trace_cannot_hold_is_scripted(tmp_path: Path) -> None:
    model = Branches()
    graph = fisherwatch.export(model, X)
    assert graph.how == "scripted"
    loaded = load(graph, tmp_path)
    torch.testing.assert_close(loaded(X[:4]), model(X[:4]))
    torch.testing.assert_close(loaded(X[:3]), model(X[:3]))
    assert names(loaded) == names(model)
    with pytest.raises(ExportError, match=r"another number of examples.*the model itself \(Branches\)"):
        fisherwatch.export(model, X, how="trace")


def test_what_cannot_be_exported_names_the_module_and_the_way_out() -> None:
    class Unscriptable(Branches):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            size = {"n": int(x.sum().item() * 0) + len(x)}
            return super().forward(x.reshape(size["n"], -1)) + float(sum(range(*[size["n"]])))

    model = nn.Sequential(nn.Linear(6, 6), Unscriptable())
    with pytest.raises(ExportError, match=r"'1' \(.*Unscriptable\).*Nor can it be scripted.*'1' .*Wrap the model"):
        fisherwatch.export(model, X)


def test_a_model_that_fails_names_the_module() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Sequential(nn.Tanh(), nn.Linear(7, 3)))
    with pytest.raises(ExportError, match=r"in '1\.1' \(Linear\)"):
        fisherwatch.export(model, X)


def test_a_model_that_is_random_in_evaluation_names_the_module() -> None:
    class Noise(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(x, 0.5, training=True)

    with pytest.raises(ExportError, match=r"random in evaluation mode: '1' \(.*Noise\)"):
        fisherwatch.export(nn.Sequential(nn.Linear(6, 3), Noise()), X)


class FixedLength(nn.Module):
    """Its trace holds for one length of sequences only."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.embedding(tokens).sum(1) * float(tokens.shape[1])


def test_a_trace_for_one_length_refuses_others(attach: Any, producer: Any, caplog: pytest.LogCaptureFixture) -> None:
    tokens = torch.randint(10, (4, 7))
    assert fisherwatch.export(nn.EmbeddingBag(10, 3), tokens).lengths is None
    with attach(FixedLength(), export="trace") as watch:
        watch.batch(tokens, step=0)
        watch.batch(tokens[:, :5], step=1)
        watch.batch(tokens[:2], step=2)
    assert producer.types().count("batch") == 2
    assert watch.stats().dropped == {"unusable-batch": 1} and "Pad all batches to one length" in caplog.text


def test_the_fast_path_without_gradient_is_not_exported(tmp_path: Path) -> None:
    model = nn.Sequential(nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), 1), nn.Flatten())
    x = torch.randn(3, 4, 6)
    with torch.no_grad():
        loaded = load(fisherwatch.export(model, x), tmp_path)
    loaded(x).sum().backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters())


def test_wrappers_are_looked_through(attach: Any, producer: Any, tmp_path: Path) -> None:
    model = Mlp()
    compiled = torch.compile(nn.DataParallel(model), backend="eager")
    compiled(X)
    with attach(compiled, strict=True) as watch:
        watch.batch(X, step=0)
    graph = torch.jit.load(str(next((tmp_path / "store" / "r").glob("graph-*"))))
    assert names(graph) == names(model)


def test_a_module_compiled_in_place_is_exported(tmp_path: Path) -> None:
    model = Mlp()
    model.compile(backend="eager")
    model.body.compile(backend="eager")
    model(X)
    graph = load(fisherwatch.export(model, X), tmp_path)
    assert names(graph) == names(model)
    torch.testing.assert_close(graph(X), model.eval()(X))


def test_the_autocast_that_accelerate_puts_around_forward_is_left_out(tmp_path: Path) -> None:
    accelerate = pytest.importorskip("accelerate")
    model = Mlp()
    prepared = accelerate.Accelerator(cpu=True, mixed_precision="bf16").prepare(model)
    patched = prepared.__dict__["forward"]
    graph = load(fisherwatch.export(prepared, X), tmp_path)
    assert prepared.__dict__["forward"] is patched
    assert "autocast" not in str(graph.inlined_graph) and graph(X).dtype == torch.float32
    model.eval()
    torch.testing.assert_close(graph(X), type(model).forward(model, X))


def test_a_script_is_taken_as_it_is(tmp_path: Path) -> None:
    model = torch.jit.script(Branches())
    graph = load(fisherwatch.export(model, X), tmp_path)
    torch.testing.assert_close(graph(X[:4]), model(X[:4]))
    assert model.training


def test_numbers_among_the_batch_are_no_inputs_of_a_model_that_takes_anything() -> None:
    class Anything(Two):
        def forward(self, left: torch.Tensor, **others: torch.Tensor) -> torch.Tensor:
            return self.layer(left - 2 * others["right"])

    graph = fisherwatch.export(Anything(), {"right": X, "left": X, "num_items_in_batch": torch.tensor(5)})
    assert graph.call.names == ("left", "right")
