"""Which batches and checkpoints the callbacks of the frameworks hand on."""

from __future__ import annotations

import copy
import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import Mlp
from torch import nn

from fisherwatch._schedule import Schedule

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))


class Recorder:
    """Stands in for a watch."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.batches: list[Any] = []

    def __call__(self, model: nn.Module, **options: Any) -> Recorder:
        self.model, self.options = model, options
        return self

    def batch(self, inputs: Any, labels: Any = None, *, step: int) -> None:
        self.calls.append(("batch", step))
        self.batches.append((inputs, labels))

    def checkpoint(self, step: int) -> None:
        self.calls.append(("checkpoint", step))

    def close(self, status: str = "completed") -> None:
        self.calls.append((status, -1))


@pytest.mark.parametrize("compiled", [False, True])
def test_hugging_face_hands_on_the_first_micro_batch_of_a_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiled: bool
) -> None:
    huggingface = pytest.importorskip("fisherwatch.huggingface")
    recorder = Recorder()
    monkeypatch.setattr(huggingface, "watch", recorder)
    callback = huggingface.FisherwatchCallback("r", tmp_path, batch_every=2, checkpoint_every=3, every=1)
    model = Mlp()
    runs = torch.compile(model, backend="eager") if compiled else model
    state = SimpleNamespace(global_step=0)
    events = {"model": model}
    callback.on_train_begin(None, state, None, **events)
    runs(X)  # before any step
    for step in range(5):
        state.global_step = step
        callback.on_step_begin(None, state, None, **events)
        for scale in (1, 2):  # gradients are accumulated
            runs(X * scale)
        state.global_step = step + 1
        callback.on_step_end(None, state, None, **events)
        model.eval()
        runs(X)
        model.train()
    callback.on_train_end(None, state, None, **events)
    runs(X)
    assert recorder.model is model and recorder.options["every"] == 1
    assert recorder.calls == [
        ("checkpoint", 0), ("batch", 0), ("batch", 2), ("checkpoint", 3), ("batch", 4), ("completed", -1)
    ]  # fmt: skip
    assert all(torch.equal(inputs[0], X) for inputs, _ in recorder.batches)
    assert not model._forward_pre_hooks


def test_hugging_face_model_is_saved_and_copied_without_its_watcher(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    huggingface = pytest.importorskip("fisherwatch.huggingface")
    recorder = Recorder()
    monkeypatch.setattr(huggingface, "watch", recorder)
    callback = huggingface.FisherwatchCallback("r", tmp_path, batch_every=1, checkpoint_every=9)
    model, state = Mlp(), SimpleNamespace(global_step=0)
    callback.on_train_begin(None, state, None, model=model)
    callback.on_step_begin(None, state, None)
    torch.save(model, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=False)
    assert b"fisherwatch" not in (tmp_path / "model.pt").read_bytes()
    for other in (loaded, copy.deepcopy(model), torch.compile(copy.deepcopy(model), backend="eager")):
        other.train()(X).sum().backward()
    with torch.no_grad():
        model(X)
    assert recorder.calls == [("checkpoint", 0)]
    model(X)
    model(X)  # of others, if training raises now
    assert recorder.calls == [("checkpoint", 0), ("batch", 0)]
    del callback
    gc.collect()
    model(X)  # nobody looks


def test_lightning_hands_on_the_first_micro_batch_of_a_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = pytest.importorskip("fisherwatch.lightning")
    recorder = Recorder()
    monkeypatch.setattr(module, "watch", recorder)
    callback = module.FisherwatchCallback("r", tmp_path, batch_every=2, checkpoint_every=3, model="body.0")
    trainer, network = SimpleNamespace(global_step=0), Mlp()
    callback.on_train_start(trainer, network)
    for step in range(4):
        for scale in (1, 2):
            trainer.global_step = step
            callback.on_train_batch_start(trainer, network, [X * scale, X[:, 0]], 0)
            trainer.global_step = step + (scale == 2)
            callback.on_train_batch_end(trainer, network, None, [X, X], 0)
    callback.on_exception(trainer, network, KeyboardInterrupt())
    assert recorder.model is network.body[0]
    assert recorder.calls == [("checkpoint", 0), ("batch", 0), ("batch", 2), ("checkpoint", 3), ("failed", -1)]
    assert all(torch.equal(inputs, X) and torch.equal(labels, X[:, 0]) for inputs, labels in recorder.batches)


@pytest.mark.parametrize("name", ["huggingface", "lightning"])
def test_mistakes_are_told_when_the_callback_is_made(name: str, tmp_path: Path) -> None:
    module = pytest.importorskip(f"fisherwatch.{name}")
    with pytest.raises(TypeError, match="did you mean 'max_examples'"):
        module.FisherwatchCallback("r", tmp_path, max_example=2)
    with pytest.raises(ValueError, match="run is"):
        module.FisherwatchCallback("a/b", tmp_path)
    with pytest.raises(ValueError, match="batch_every is 0"):
        module.FisherwatchCallback("r", tmp_path, batch_every=0)


def test_a_schedule_asks_once_for_each_step() -> None:
    schedule = Schedule(2, 3)
    assert [(s, schedule.wants_batch(s), schedule.wants_checkpoint(s)) for s in (0, 0, 1, 2, 2, 3, 3)] == [
        (0, True, True), (0, False, False), (1, False, False), (2, True, False), (2, False, False), (3, False, True),
        (3, False, False),
    ]  # fmt: skip
