"""Training events as CloudEvents 1.0 in Kafka's binary mode. The names are those of docs/events.md."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

CHECKPOINT = "io.fisherwatch.checkpoint.v1"
BATCH = "io.fisherwatch.batch.v1"
RUN_ENDED = "io.fisherwatch.run-ended.v1"

JSON = "application/json"
SAFETENSORS = "application/vnd.safetensors"


@dataclass(frozen=True)
class Event:
    """A record to publish; its key is the run, and of a shard's batch the run, a slash and the shard."""

    type: str
    key: str
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class Events:
    """Makes the events of one run and gives each an identity of its own."""

    def __init__(self, run: str, source: str, shard: str | None = None) -> None:
        """For a run, sent by the job that `source` names (a URI reference), its batches as part of a shard."""
        self._run = run
        self._source = source
        self._shard = shard

    def checkpoint(self, step: int, body: Mapping[str, Any]) -> Event:
        """New weights; `body` has graph, weights, inputs, logits, likelihood and layers."""
        return self._event(CHECKPOINT, JSON, _json({"run": self._run, "step": step, **body}))

    def batch(self, step: int, tensors: bytes, checkpoint_step: int) -> Event:
        """A batch as safetensors bytes, inside the event; a shard's says which checkpoint it was drawn at."""
        return self._batch(step, SAFETENSORS, tensors, checkpoint_step)

    def batch_file(self, step: int, reference: Mapping[str, str], checkpoint_step: int) -> Event:
        """A batch as a file of the store."""
        return self._batch(step, JSON, _json(reference), checkpoint_step)

    def run_ended(self, step: int, status: str) -> Event:
        """The end; `status` is completed or failed."""
        return self._event(RUN_ENDED, JSON, _json({"run": self._run, "step": step, "status": status}))

    def _batch(self, step: int, content_type: str, value: bytes, checkpoint_step: int) -> Event:
        if self._shard is None:
            return self._event(BATCH, content_type, value, {"ce_step": step})
        steps = {"ce_step": step, "ce_checkpointstep": checkpoint_step}
        return replace(self._event(BATCH, content_type, value, steps), key=f"{self._run}/{self._shard}")

    def _event(self, kind: str, content_type: str, value: bytes, steps: Mapping[str, int] | None = None) -> Event:
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(uuid.uuid4()),
            "ce_source": self._source,
            "ce_type": kind,
            "ce_subject": self._run,
            "ce_time": now,
            "content-type": content_type,
        }
        headers.update((name, str(step)) for name, step in (steps or {}).items())
        return Event(kind, self._run, tuple((name, text.encode()) for name, text in headers.items()), value)


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
