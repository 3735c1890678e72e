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
    """An event; `body` is its JSON, `tensors` what a batch holds; a shard's batch has `shard` and `checkpoint_step`."""

    kind: str
    run: str
    step: int
    body: dict[str, Any]
    tensors: dict[str, Tensor]
    shard: str | None = None
    checkpoint_step: int | None = None


def decode(key: bytes, value: bytes, headers: dict[str, bytes]) -> Received:
    """One record in CloudEvents' binary mode; asserts what the binding and docs/events.md demand."""
    text = {name: content.decode() for name, content in headers.items()}
    assert text["ce_specversion"] == "1.0" and text["ce_id"] and text["ce_source"]
    run, slash, shard = key.decode().partition("/")
    assert text["ce_subject"] == run and text["ce_type"].startswith(PREFIX)
    kind, version = text["ce_type"][len(PREFIX) :].split(".")
    assert version == "v1" and kind in ("checkpoint", "batch", "run-ended")
    assert bool(slash) == bool(shard) == ("ce_checkpointstep" in text) and (kind == "batch" or not slash)
    if kind == "batch":
        at = int(text["ce_checkpointstep"]) if slash else None
        if text["content-type"] == "application/vnd.safetensors":
            tensors = safetensors.torch.load(value)
            return Received(kind, run, int(text["ce_step"]), {}, tensors, shard or None, at)
        return Received(kind, run, int(text["ce_step"]), _json(text, value), {}, shard or None, at)
    body = _json(text, value)
    assert body["run"] == run
    return Received(kind, run, body["step"], body, {})


def _json(text: dict[str, str], value: bytes) -> Any:
    assert text["content-type"].split(";")[0] == "application/json"
    return json.loads(value)


def read(bootstrap_servers: str, run: str, topic: str = "training-events") -> list[Received]:
    """All events of a run in a topic of one partition."""
    import confluent_kafka

    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap_servers, "group.id": str(uuid.uuid4())})
    try:
        partition = confluent_kafka.TopicPartition(topic, 0, 0)
        consumer.assign([partition])
        end = consumer.get_watermark_offsets(partition, timeout=20)[1]
        received = []
        while True:
            message = consumer.poll(20)
            assert message is not None and message.error() is None, message and message.error()
            if message.key().decode().split("/")[0] == run:
                received.append(decode(message.key(), message.value(), dict(message.headers())))
            if message.offset() == end - 1:
                return received
    finally:
        consumer.close()


def path_of(reference: dict[str, str]) -> Path:
    """The file that an event refers to."""
    return Path(unquote(urlparse(reference["uri"]).path))
