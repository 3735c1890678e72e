"""Example events: ours as the Java tests decode them (src/test/resources/events/python), Java's as we do."""

from __future__ import annotations

import base64
import json
import os
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import topic
import torch
from installation import REPOSITORY

from fisherwatch import _events
from fisherwatch._safetensors import write

EXAMPLES = REPOSITORY / "src" / "test" / "resources" / "events"
NAMES = ("checkpoint", "batch", "batch-file", "run-ended")
SHARDED = ("shard-batch", "shard-batch-file")
DIGEST = "0123456789abcdef" * 4
FILE = {"uri": "file:///ckpt/batch-1220-7.safetensors", "sha256": DIGEST}


class _Bytes:
    def __init__(self) -> None:
        self.content = b""

    def write(self, data: memoryview) -> None:
        self.content += bytes(data)


def made_today(monkeypatch: pytest.MonkeyPatch) -> dict[str, _events.Event]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Clock:
            return cls(2026, 11, 25, 10, 0, 0, 500_000, tz)

    monkeypatch.setattr(_events, "datetime", Clock)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
    events = _events.Events("agnews-17", "urn:fisherwatch:python:trainer:7")
    shard = _events.Events("agnews-17", "urn:fisherwatch:python:trainer:7", "rank-1")
    batch = _Bytes()
    write({"features": torch.tensor([[0.5, -1.0], [2.0, 3.0]]), "labels": torch.tensor([1, 0])}, batch)
    body = {
        "graph": {"uri": "file:///ckpt/agnews-17/graph-0123456789ab.pt", "sha256": DIGEST},
        "weights": {"uri": "file:///ckpt/agnews-17/step-1200.safetensors", "sha256": DIGEST},
        "inputs": ["input_ids", "attention_mask"],
        "logits": {"index": 0},
        "likelihood": {"kind": "categorical", "mask": "attention_mask"},
        "layers": [{"name": "embeddings", "match": "^distilbert\\.embeddings\\."}],
    }
    return {
        "checkpoint": events.checkpoint(1200, body),
        "batch": events.batch(1210, batch.content, 1200),
        "batch-file": events.batch_file(1220, FILE, 1200),
        "run-ended": events.run_ended(1300, "completed"),
        "shard-batch": shard.batch(1210, batch.content, 1200),
        "shard-batch-file": shard.batch_file(1220, FILE, 1200),
    }


def as_text(event: _events.Event) -> str:
    record = {
        "key": event.key,
        "headers": {name: value.decode() for name, value in event.headers},
        "value": base64.b64encode(event.value).decode(),
    }
    return json.dumps(record, indent=2) + "\n"


@pytest.mark.parametrize("name", [*NAMES, *SHARDED])
def test_the_examples_are_what_the_client_makes(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """After a change on purpose: FISHERWATCH_REWRITE=1 pytest tests/test_example_events.py; look at what it changes."""
    path = EXAMPLES / "python" / f"{name}.json"
    text = as_text(made_today(monkeypatch)[name])
    if os.environ.get("FISHERWATCH_REWRITE") == "1":
        path.write_text(text)
    assert path.read_text() == text


def received(path: Path) -> topic.Received:
    record = json.loads(path.read_text())
    headers = {name: value.encode() for name, value in record["headers"].items()}
    return topic.decode(record["key"].encode(), base64.b64decode(record["value"]), headers)


@pytest.mark.parametrize("maker", ["python", "java"])
def test_the_examples_of_both_sides_decode(maker: str) -> None:
    events = {path.stem: received(path) for path in sorted((EXAMPLES / maker).glob("*.json"))}
    sharded = {name.replace("shard-", ""): events.pop(name) for name in SHARDED if name in events}
    assert set(events) == set(NAMES) and set(sharded) in (set(), {"batch", "batch-file"})
    for name, event in sharded.items():
        assert (event.shard, event.checkpoint_step) == ("rank-1", 1200)
        assert (event.run, event.step, event.body) == (events[name].run, events[name].step, events[name].body)
        assert {n: t.tolist() for n, t in event.tensors.items()} == {
            n: t.tolist() for n, t in events[name].tensors.items()
        }
    assert {event.run for event in events.values()} == {"agnews-17"}
    assert {name: event.step for name, event in events.items()} == {
        "checkpoint": 1200, "batch": 1210, "batch-file": 1220, "run-ended": 1300
    }  # fmt: skip
    checkpoint = events["checkpoint"].body
    assert checkpoint["graph"]["sha256"] == checkpoint["weights"]["sha256"] == DIGEST
    assert checkpoint["inputs"] == ["input_ids", "attention_mask"] and checkpoint["logits"] == {"index": 0}
    assert checkpoint["likelihood"] == {"kind": "categorical", "mask": "attention_mask"}
    assert checkpoint["layers"] == [{"name": "embeddings", "match": "^distilbert\\.embeddings\\."}]
    tensors = events["batch"].tensors
    assert tensors["features"].tolist() == [[0.5, -1.0], [2.0, 3.0]] and tensors["labels"].tolist() == [1, 0]
    assert events["batch-file"].body == FILE
    assert events["run-ended"].body["status"] == "completed"
