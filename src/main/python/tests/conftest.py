"""A producer that keeps what it is given, models, and (for tests marked `agent`) the real broker and agent."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from installation import Installation
from torch import nn

import fisherwatch
from fisherwatch._options import Options
from fisherwatch._watch import Watch


class FakeProducer:
    """Kafka within the test. While `held`, the worker thread waits in produce, as if the disk or CPU were slow."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.waiting: list[Any] = []
        self.held = threading.Event()
        self.held.set()
        self.down = False
        self.full = False
        self.error: Any = None

    def __call__(self, options: Options, on_error: Any) -> FakeProducer:
        self.on_error = on_error
        return self

    def produce(self, topic: str, *, key: str, value: bytes, headers: Any, on_delivery: Any) -> None:
        self.held.wait(30)
        if self.full:
            raise BufferError("Local: Queue full")
        record = {"topic": topic, "key": key, "value": value, "headers": dict(headers), "ordered": list(headers)}
        self.waiting.append((record, on_delivery))
        self.poll(0)

    def poll(self, timeout: float) -> int:
        if self.down:
            self.on_error("all brokers are down")
            return 0
        delivered = len(self.waiting)
        while self.waiting:
            record, on_delivery = self.waiting.pop(0)
            if self.error is None:
                self.records.append(record)
            on_delivery(self.error, None)
        return delivered

    def flush(self, timeout: float) -> int:
        self.poll(timeout)
        return len(self.waiting)

    def __len__(self) -> int:
        return len(self.waiting)

    def types(self) -> list[str]:
        return [record["headers"]["ce_type"].decode().split(".")[2] for record in self.records]

    def bodies(self, kind: str) -> list[Any]:
        return [
            json.loads(record["value"])
            for record, name in zip(self.records, self.types())
            if name == kind and record["headers"]["content-type"] == b"application/json"
        ]


class Mlp(nn.Module):
    """Small, with dropout, batch norm and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.head = nn.Linear(8, 3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.body(features)))


torch.set_num_threads(1)  # models are tiny, and machines busy


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(1)
    return Mlp()


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


@pytest.fixture
def attach(tmp_path: Path, producer: FakeProducer) -> Any:
    """Makes watches on the fake producer, with no agent, which are closed when the test ends."""
    watches: list[Watch] = []

    def attach(model: nn.Module, graph: Any = None, example_inputs: Any = None, **options: Any) -> Watch:
        chosen = Options.of(options.pop("run", "r"), tmp_path / "store", {"agent": None, **options})
        watches.append(Watch(model, chosen, graph, example_inputs, producer))
        return watches[-1]

    yield attach
    producer.held.set()
    for watch in watches:
        watch._close(None, 5)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Broker and agent of the jar, which every test marked `agent` shares."""
    running = Installation.start(tmp_path_factory.mktemp("installation"))
    yield running
    running.stop()


__all__ = ["FakeProducer", "Mlp", "fisherwatch"]
