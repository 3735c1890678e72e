"""What a watch publishes, and that it is never in the way."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
import safetensors.torch
import torch
from conftest import Mlp
from installation import until
from torch import nn

import fisherwatch

FEATURES = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))
LABELS = torch.tensor([0, 1, 2, 0, 1])


def path_of(reference: dict[str, str]) -> Path:
    return Path(unquote(urlparse(reference["uri"]).path))


def test_published_records_have_the_names_of_the_interface(attach: Any, producer: Any, model: nn.Module) -> None:
    with attach(model, layers=[{"name": "all", "match": "."}], source="/job/7") as watch:
        watch.checkpoint(0)
        watch.batch(FEATURES, LABELS, step=3)
    assert producer.types() == ["checkpoint", "batch", "run-ended"]
    assert {record["topic"] for record in producer.records} == {"training-events"}
    assert {record["key"] for record in producer.records} == {"r"}
    for record in producer.records:
        headers = record["headers"]
        assert len(headers) == len(record["ordered"])
        assert headers["ce_specversion"] == b"1.0" and headers["ce_source"] == b"/job/7"
        assert headers["ce_subject"] == b"r" and headers["ce_time"].endswith(b"Z")
        assert headers["ce_type"].startswith(b"io.fisherwatch.") and headers["ce_type"].endswith(b".v1")
        uuid.UUID(headers["ce_id"].decode())
    assert len({record["headers"]["ce_id"] for record in producer.records}) == 3
    checkpoint, batch, ended = producer.records
    assert set(json.loads(checkpoint["value"])) == {
        "run", "step", "graph", "weights", "inputs", "logits", "likelihood", "layers"
    }  # fmt: skip
    body = json.loads(checkpoint["value"])
    assert (body["inputs"], body["logits"], body["likelihood"]) == (["features"], {"index": 0}, {"kind": "categorical"})
    assert batch["headers"]["content-type"] == b"application/vnd.safetensors"
    assert batch["headers"]["ce_step"] == b"3"
    tensors = safetensors.torch.load(batch["value"])
    assert set(tensors) == {"features", "labels"}
    assert torch.equal(tensors["features"], FEATURES) and torch.equal(tensors["labels"], LABELS)
    assert json.loads(ended["value"]) == {"run": "r", "step": 3, "status": "completed"}


def test_files_have_the_digests_and_names_that_the_event_says(attach: Any, producer: Any, model: nn.Module) -> None:
    with attach(model) as watch:
        watch.checkpoint(0)
        watch.batch(FEATURES, step=0)
        watch._worker.offer(lambda: None)
    body = producer.bodies("checkpoint")[0]
    for reference in (body["graph"], body["weights"]):
        assert hashlib.sha256(path_of(reference).read_bytes()).hexdigest() == reference["sha256"]
    graph, weights = path_of(body["graph"]), path_of(body["weights"])
    assert (
        graph.name == f"graph-{body['graph']['sha256'][:12]}.pt"
        and weights.name == f"step-0-{body['weights']['sha256'][:12]}.safetensors"
    )
    tensors = safetensors.torch.load_file(weights)
    assert set(tensors) == set(model.state_dict())
    loaded = torch.jit.load(str(graph))
    assert {name for name, _ in loaded.named_parameters()} == {name for name, _ in model.named_parameters()}
    assert torch.allclose(loaded(FEATURES), model.eval()(FEATURES))
    assert not list(graph.parent.glob(".*"))


def test_weights_of_one_step_written_twice_leave_the_first_file_alone(
    attach: Any, producer: Any, model: nn.Module
) -> None:
    with attach(model, example_inputs=FEATURES) as watch:
        watch.checkpoint(5)
        until("it is written", lambda: len(watch._free) == 1)
        with torch.no_grad():
            model.head.weight.fill_(7)
        watch.checkpoint(5)
    references = [body["weights"] for body in producer.bodies("checkpoint")]
    assert len({reference["uri"] for reference in references}) == 2
    for reference in references:
        assert hashlib.sha256(path_of(reference).read_bytes()).hexdigest() == reference["sha256"]


def test_weights_are_those_of_the_moment_not_of_later(attach: Any, producer: Any, model: nn.Module) -> None:
    before = model.head.weight.detach().clone()
    with attach(model, example_inputs=FEATURES) as watch:
        producer.held.clear()
        watch.checkpoint(0)
        with torch.no_grad():
            model.head.weight.fill_(7)
        producer.held.set()
    written = safetensors.torch.load_file(path_of(producer.bodies("checkpoint")[0]["weights"]))
    assert torch.equal(written["head.weight"], before)


def test_a_checkpoint_precedes_the_batches_drawn_after_it(attach: Any, producer: Any, model: nn.Module) -> None:
    with attach(model, strict=True) as watch:
        for step in range(12):
            if step % 4 == 0:
                until("room", lambda: len(watch._free) == 1 and watch._worker.waiting == 0)
                watch.checkpoint(step)
            watch.batch(FEATURES, LABELS, step=step)
    steps = [
        ("c", json.loads(r["value"])["step"]) if kind == "checkpoint" else ("b", int(r["headers"]["ce_step"]))
        for r, kind in zip(producer.records, producer.types())
        if kind != "run-ended"
    ]
    assert steps == [(kind, s) for s in range(12) for kind in (("c", "b") if s % 4 == 0 else ("b",))]


def test_without_a_checkpoint_the_first_batch_brings_one(attach: Any, producer: Any, model: nn.Module) -> None:
    with attach(model) as watch:
        watch.batch(FEATURES, step=5)
    assert producer.types() == ["checkpoint", "batch", "run-ended"]
    assert producer.bodies("checkpoint")[0]["step"] == 5


def test_a_full_queue_drops_and_counts_and_does_not_wait(
    attach: Any, producer: Any, model: nn.Module, caplog: pytest.LogCaptureFixture
) -> None:
    watch = attach(model, example_inputs=FEATURES, queue_size=4)
    watch.checkpoint(0)
    until("the checkpoint is written", lambda: producer.types() == ["checkpoint"])
    producer.held.clear()
    began = time.monotonic()
    for step in range(50):
        watch.batch(FEATURES, step=step)
    assert time.monotonic() - began < 5
    assert watch.stats().dropped["queue-full"] >= 45 and watch.dropped >= 45
    assert caplog.text.count("the queue is full") == 1
    producer.held.set()
    watch.close()
    kinds = producer.types()
    assert kinds[-1] == "run-ended" and kinds.count("batch") == 50 - watch.stats().dropped["queue-full"]


def test_one_checkpoint_at_a_time_and_batches_go_on(attach: Any, producer: Any, model: nn.Module) -> None:
    watch = attach(model, example_inputs=FEATURES)
    producer.held.clear()
    watch.checkpoint(0)
    watch.checkpoint(1)
    watch.batch(FEATURES, step=1)
    producer.held.set()
    watch.close()
    assert watch.stats().dropped == {"checkpoint-in-flight": 1}
    assert producer.types() == ["checkpoint", "batch", "run-ended"]
    assert producer.bodies("checkpoint")[0]["step"] == 0


def test_large_batches_go_beside_the_event(attach: Any, producer: Any, model: nn.Module) -> None:
    with attach(model, inline_limit=100) as watch:
        watch.batch(FEATURES, LABELS, step=2)
    record = producer.records[1]
    assert record["headers"]["content-type"] == b"application/json" and record["headers"]["ce_step"] == b"2"
    reference = json.loads(record["value"])
    assert set(reference) == {"uri", "sha256"}
    content = path_of(reference).read_bytes()
    assert hashlib.sha256(content).hexdigest() == reference["sha256"]
    assert set(safetensors.torch.load(content)) == {"features", "labels"}


def test_every_nth_batch_and_a_sample_of_it(attach: Any, producer: Any, model: nn.Module) -> None:
    drawn = []
    for _ in range(2):
        producer.records.clear()
        with attach(model, every=3, max_examples=2, seed=9) as watch:
            for step in range(7):
                watch.batch(FEATURES, LABELS, step=step)
        batches = [r for r, kind in zip(producer.records, producer.types()) if kind == "batch"]
        assert [int(r["headers"]["ce_step"]) for r in batches] == [0, 3, 6]
        drawn.append([safetensors.torch.load(r["value"]) for r in batches])
    for batch, again in zip(*drawn):
        assert batch["features"].shape == (2, 6) and torch.equal(batch["features"], again["features"])
        rows = [int((row == FEATURES).all(1).nonzero()) for row in batch["features"]]
        assert rows[0] < rows[1] and batch["labels"].tolist() == LABELS[rows].tolist()
    assert any(not torch.equal(drawn[0][0]["features"], b["features"]) for b in drawn[0][1:])


def test_a_share_of_time_is_kept(attach: Any, producer: Any, model: nn.Module) -> None:
    watch = attach(model, example_inputs=FEATURES, max_share=1e-7)
    for step in range(5):
        watch.batch(FEATURES, step=step)
    watch.close()
    assert watch.stats().dropped["time-share"] == 4 and producer.types() == ["checkpoint", "batch", "run-ended"]


def test_nothing_is_raised_into_training(
    attach: Any, producer: Any, model: nn.Module, caplog: pytest.LogCaptureFixture
) -> None:
    watch = attach(model)
    for _ in range(3):
        watch.batch("no tensor", step=0)
        watch.batch((FEATURES, LABELS[:2]), step=0)
        watch.batch(torch.empty(0, 6), step=0)
    assert watch.stats().dropped == {"unusable-batch": 9}
    assert caplog.text.count("a batch cannot be used") == 1
    watch.batch(FEATURES, step=1)
    watch.close()
    assert producer.types() == ["checkpoint", "batch", "run-ended"]
    with pytest.raises(fisherwatch.BatchError, match="first dimension"):
        attach(model, strict=True).batch((FEATURES, LABELS[:2]), step=0)


def broken(*_: Any) -> Any:
    raise OSError("disk full")


def test_a_store_that_is_full_is_counted_and_said_once(
    attach: Any, producer: Any, model: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = attach(model, example_inputs=FEATURES)
    with monkeypatch.context() as full:
        full.setattr(watch._store, "write", broken)
        for step in range(3):
            watch.checkpoint(step)
            until("done", lambda: len(watch._free) == 1)
        watch.batch(FEATURES, step=3)
        until("the batch is dropped", lambda: "no-checkpoint" in watch.stats().dropped)
    watch.checkpoint(4)
    watch.batch(FEATURES, step=4)
    watch.close()
    assert watch.stats().dropped == {"failed": 3, "no-checkpoint": 1}
    assert caplog.text.count("a job failed") == 1
    assert producer.types() == ["checkpoint", "batch", "run-ended"]


def test_a_graph_that_cannot_be_written_waits_in_memory(
    attach: Any, producer: Any, model: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = attach(model)
    with monkeypatch.context() as full:
        full.setattr(watch._store, "add_graph", broken)
        watch.batch(FEATURES, step=0)
        watch.batch(FEATURES, step=1)
    assert watch.stats().dropped == {"failed": 1, "no-graph": 1} and "could not be written" in caplog.text
    monkeypatch.setattr("fisherwatch._watch.export_graph", broken)  # not a second time
    watch._write_after = 0.0
    watch.batch(FEATURES, step=2)
    watch.close()
    assert producer.types() == ["checkpoint", "batch", "run-ended"]


def test_a_store_that_was_removed_is_made_again(attach: Any, producer: Any, model: nn.Module, tmp_path: Path) -> None:
    watch = attach(model, example_inputs=FEATURES, inline_limit=1)
    watch.batch(FEATURES, step=0)
    until("published", lambda: watch.stats().delivered == {"checkpoint": 1, "batch": 1})
    shutil.rmtree(tmp_path / "store")
    watch.batch(FEATURES, step=1)
    watch.checkpoint(2)  # waits for the graph
    watch.batch(FEATURES, step=2)
    watch.close()
    assert watch.dropped == 0 and producer.types() == [
        "checkpoint",
        "batch",
        "batch",
        "checkpoint",
        "batch",
        "run-ended",
    ]
    body = producer.bodies("checkpoint")[1]
    for reference in (body["graph"], body["weights"]):
        assert hashlib.sha256(path_of(reference).read_bytes()).hexdigest() == reference["sha256"]


def test_a_graph_that_was_given_is_written_again(attach: Any, producer: Any, model: nn.Module, tmp_path: Path) -> None:
    watch = attach(model, graph=fisherwatch.export(model, FEATURES))
    shutil.rmtree(tmp_path / "store")
    watch.checkpoint(0)
    watch.close()
    assert path_of(producer.bodies("checkpoint")[0]["graph"]).exists() and watch.dropped == 0


class Picky(Mlp):
    """Fails on some batches."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not bool(torch.isfinite(features).all()):
            raise ValueError("not finite")
        return super().forward(features)


def test_a_bad_first_batch_is_not_the_end(attach: Any, producer: Any, caplog: pytest.LogCaptureFixture) -> None:
    watch = attach(Picky())
    for step in range(4):
        watch.batch(FEATURES * float("nan"), step=step)
    watch.batch(FEATURES, step=4)
    watch.close()
    assert watch.stats().dropped == {"no-graph": 4} and caplog.text.count("cannot be watched") == 1
    assert producer.types() == ["checkpoint", "batch", "run-ended"]


def test_after_five_bad_batches_the_model_is_left_alone(
    attach: Any, producer: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = attach(Picky())
    for step in range(5):
        watch.batch(FEATURES * float("nan"), step=step)
    before = watch.stats().export_seconds
    watch.batch(FEATURES, step=5)
    assert watch.stats().dropped == {"no-graph": 6} and watch.stats().export_seconds == before
    assert "with 5 batches, and is left alone" in caplog.text


def test_the_graph_is_written_before_the_first_batch_returns_and_then_forgotten(
    attach: Any, producer: Any, model: nn.Module, tmp_path: Path
) -> None:
    watch = attach(model)
    producer.held.clear()
    watch.batch(FEATURES, step=0)
    assert len(list((tmp_path / "store" / "r").glob("graph-*"))) == 1 and watch._exported is None
    assert watch.stats().training_seconds >= 0 and watch.stats().export_seconds > 0
    assert attach(model, example_inputs=FEATURES).stats().training_seconds == 0
    producer.held.set()


def test_strict_raises_what_the_worker_met(attach: Any, model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = attach(model, example_inputs=FEATURES, strict=True)
    monkeypatch.setattr(watch._store, "write", broken)
    watch.checkpoint(0)
    with pytest.raises(OSError, match="disk full"):
        watch.close()


def test_a_block_that_raises_ends_the_run_as_failed(attach: Any, producer: Any, model: nn.Module) -> None:
    with pytest.raises(ZeroDivisionError), attach(model) as watch:
        watch.batch(FEATURES, step=8)
        raise ZeroDivisionError
    assert producer.bodies("run-ended") == [{"run": "r", "step": 8, "status": "failed"}]
    watch.batch(FEATURES, step=9)
    watch.checkpoint(9)
    watch.close()
    assert len(producer.records) == 3


def test_a_kafka_that_is_away_is_survived_and_bounded(
    attach: Any, producer: Any, model: nn.Module, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    watch = attach(model, example_inputs=FEATURES, keep=2)
    producer.down = True
    for step in range(6):
        watch.checkpoint(step)
        until("done", lambda: len(watch._free) == 1)
        watch.batch(FEATURES, step=step)
    assert watch.stats().dropped == {"kafka-behind": 4}
    assert len(list((tmp_path / "store" / "r").glob("step-*"))) == 2
    assert watch.stats().unacknowledged > 0 and caplog.text.count("all brokers are down") == 1
    producer.down = False
    watch.checkpoint(6)
    watch.close()
    assert [body["step"] for body in producer.bodies("checkpoint")] == [0, 1, 6]
    assert producer.types()[-1] == "run-ended" and "Kafka answers again" not in caplog.text  # level INFO


def test_what_kafka_never_took_is_said_at_the_end(
    attach: Any, producer: Any, model: nn.Module, caplog: pytest.LogCaptureFixture
) -> None:
    watch = attach(model, example_inputs=FEATURES)
    producer.down = True
    watch.batch(FEATURES, step=0)
    watch.close(timeout=0.5)
    assert watch.stats().dropped == {"lost-at-close": 3} and "3 events not taken by Kafka" in caplog.text


def test_a_full_buffer_and_a_refused_event_are_counted(attach: Any, producer: Any, model: nn.Module) -> None:
    watch = attach(model, example_inputs=FEATURES)
    watch.checkpoint(0)
    until("delivered", lambda: watch.stats().delivered == {"checkpoint": 1})
    producer.full = True
    watch.batch(FEATURES, step=0)
    until("dropped", lambda: watch.stats().dropped == {"buffer-full": 1})
    producer.full, producer.error = False, "MSG_SIZE_TOO_LARGE"
    watch.batch(FEATURES, step=1)
    until("dropped", lambda: watch.stats().dropped == {"buffer-full": 1, "not-delivered": 1})


def test_a_forked_child_does_nothing(attach: Any, producer: Any, model: nn.Module) -> None:
    watch = attach(model, example_inputs=FEATURES)
    watch.checkpoint(0)
    until("delivered", lambda: watch.stats().delivered == {"checkpoint": 1})
    child = os.fork()
    if child == 0:
        watch.batch(FEATURES, step=1)
        watch.checkpoint(1)
        watch.close()
        os._exit(0 if watch._calls == 0 and len(producer.records) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    watch.close()
    assert producer.types() == ["checkpoint", "run-ended"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"run": "-x"}, ValueError, "run is '-x'"),
        ({"every": 0}, ValueError, "every is 0"),
        ({"evry": 2}, TypeError, "did you mean 'every'"),
        ({"likelihood": "poisson"}, ValueError, "categorical, bernoulli, gaussian"),
        ({"likelihood": "gaussian"}, ValueError, "needs sigma"),
        ({"export": "onnx"}, ValueError, "auto, trace, script"),
        ({"token": "a b"}, ValueError, "token holds a space"),
        ({"ca": "/proc/nowhere"}, ValueError, "ca is '/proc/nowhere'"),
        ({"max_share": 2.0}, ValueError, "max_share"),
        ({"layers": [{"pattern": "x"}]}, ValueError, "a rule is"),
        ({"kafka": {"no.such.property": 1}}, ValueError, "no.such.property"),
        ({"store": "/proc/nowhere"}, OSError, "cannot be written"),
    ],
)
def test_mistakes_are_told_at_once(
    model: nn.Module, tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fisherwatch.watch(model, **{"run": "r", "store": tmp_path, **options})


def test_bfloat16_weights_and_half_batches_are_written(attach: Any, producer: Any) -> None:
    model = nn.Sequential(nn.Linear(6, 3)).to(torch.bfloat16)
    with attach(model, strict=True) as watch:
        watch.batch(FEATURES.to(torch.bfloat16), step=0)
    body = producer.bodies("checkpoint")[0]
    assert safetensors.torch.load_file(path_of(body["weights"]))["0.weight"].dtype == torch.bfloat16
    assert torch.jit.load(str(path_of(body["graph"])))(FEATURES).dtype == torch.float32
    assert safetensors.torch.load(producer.records[1]["value"])["input"].dtype == torch.float32


def test_shares_of_classes_are_left_out_where_classes_are_wanted(
    attach: Any, producer: Any, model: nn.Module, caplog: pytest.LogCaptureFixture
) -> None:
    shares = torch.full((5, 3), 1 / 3)
    with attach(model) as watch:
        watch.batch(FEATURES, shares, step=0)
        watch.batch({"features": FEATURES, "labels": shares}, step=1)
        watch.batch(FEATURES, LABELS, step=2)
    batches = [r["value"] for r, kind in zip(producer.records, producer.types()) if kind == "batch"]
    assert [set(safetensors.torch.load(b)) for b in batches] == [{"features"}, {"features"}, {"features", "labels"}]
    assert caplog.text.count("labels are no whole numbers") == 1 and watch.dropped == 0
    producer.records.clear()
    with attach(model, likelihood="bernoulli") as watch:
        watch.batch(FEATURES, shares, step=0)
    assert "labels" in safetensors.torch.load(producer.records[1]["value"])


def test_every_kind_of_tensor_is_written_as_safetensors_reads_it() -> None:
    from fisherwatch._safetensors import DTYPES, write

    tensors = {str(dtype): torch.tensor([[0, 1, 3]]).to(dtype) for dtype in DTYPES}
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.empty(0, 3)
    tensors["transposed"] = torch.arange(6.0).reshape(2, 3).t()
    buffer = io.BytesIO()
    write(tensors, buffer)
    read = safetensors.torch.load(buffer.getvalue())
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype and torch.equal(read[name], tensor), name


def test_an_unclosed_watch_is_flushed_when_the_interpreter_ends(attach: Any, producer: Any) -> None:
    watch = attach(Mlp())
    watch.batch(FEATURES, step=0)
    watch._close(None, 5)  # what atexit calls
    assert producer.types() == ["checkpoint", "batch"]
