"""What stands in the topic, read back from the broker and decoded as docs/events.md says."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import safetensors.torch
from torch import Tensor

PREFIX = "io.fisherwatch."


@dataclass(frozen=True)
class Received:
    """An event; `body` is its JSON, `tensors` what a batch holds."""

    kind: str
    run: str
    step: int
    body: dict[str, Any]
    tensors: dict[str, Tensor]


def decode(key: bytes, value: bytes, headers: dict[str, bytes]) -> Received:
    """One record in CloudEvents' binary mode; asserts what the binding and docs/events.md demand."""
    text = {name: content.decode() for name, content in headers.items()}
    assert text["ce_specversion"] == "1.0" and text["ce_id"] and text["ce_source"]
    assert text["ce_subject"] == key.decode() and text["ce_type"].startswith(PREFIX)
    kind, version = text["ce_type"][len(PREFIX) :].split(".")
    assert version == "v1" and kind in ("checkpoint", "batch", "run-ended")
    if text["content-type"] == "application/vnd.safetensors":
        return Received(kind, key.decode(), int(text["ce_step"]), {}, safetensors.torch.load(value))
    assert text["content-type"].split(";")[0] == "application/json"
    body = json.loads(value)
    if kind == "batch":
        return Received(kind, key.decode(), int(text["ce_step"]), body, {})
    assert body["run"] == key.decode()
    return Received(kind, key.decode(), body["step"], body, {})


def read(bootstrap_servers: str, run: str) -> list[Received]:
    """All events of a run."""
    import confluent_kafka

    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap_servers, "group.id": str(uuid.uuid4())})
    try:
        partition = confluent_kafka.TopicPartition("training-events", 0, 0)
        consumer.assign([partition])
        end = consumer.get_watermark_offsets(partition, timeout=20)[1]
        received = []
        while True:
            message = consumer.poll(20)
            assert message is not None and message.error() is None, message and message.error()
            if message.key() == run.encode():
                received.append(decode(message.key(), message.value(), dict(message.headers())))
            if message.offset() == end - 1:
                return received
    finally:
        consumer.close()


def path_of(reference: dict[str, str]) -> Path:
    """The file that an event refers to."""
    return Path(unquote(urlparse(reference["uri"]).path))
