"""One run by many processes: which part is ours, and which checkpoint its batches were drawn at.

One rank publishes graph, checkpoints and the end of the run. It also keeps the steps of the checkpoints that it has
published in a file of the store, which the other ranks read: what they note themselves is what was asked for, and a
checkpoint may have been given up. Nothing here is a collective operation, so that no rank can hold up another.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Callable, Protocol

from . import _model
from ._store import Store

RANK = "rank"
SHARD = re.compile(r"[A-Za-z0-9._-]{1,100}")
FILE = "published.json"
KEPT = 64  # as many checkpoints as an agent holds
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Role:
    """What this process does for its run.

    Attributes:
        leads: publishes graph, checkpoints and the end
        shard: its part of the batches, if the run is sharded
    """

    leads: bool
    shard: str | None

    @classmethod
    def of(cls, shard: str | None) -> Role:
        """By the rank among the processes of the job; `rank` names the shard after it."""
        return cls(_model.is_first_rank(), f"{RANK}-{_model.rank()}" if shard == RANK else shard)

    @property
    def publishes(self) -> bool:
        """Whether this process does anything at all."""
        return self.leads or self.shard is not None


class Steps(Protocol):
    """The steps of a run's checkpoints. For the worker thread."""

    def published(self, step: int) -> None:
        """A checkpoint went to Kafka."""

    def at(self, noted: int, step: int) -> int | None:
        """The step of the checkpoint of a batch that was drawn at `step`, when `noted` was the latest asked for."""

    def ended(self) -> None:
        """No checkpoint will follow."""


class OwnSteps:
    """Of a process that publishes the checkpoints itself: the last one counts, since jobs keep their order."""

    def __init__(self) -> None:
        """Before the first."""
        self._last: int | None = None

    def published(self, step: int) -> None:
        """A checkpoint went to Kafka."""
        self._last = step

    def at(self, noted: int, step: int) -> int | None:
        """The last one."""
        return self._last

    def ended(self) -> None:
        """Nothing more."""


class ToldSteps(OwnSteps):
    """Of the process that publishes the checkpoints of a sharded run, and tells the others."""

    def __init__(self, store: Store) -> None:
        """Forgets what an earlier job has told.

        Raises:
            OSError: the store cannot be written to
        """
        super().__init__()
        self._store = store
        self._steps: list[int] = []
        self._tell(False)

    def published(self, step: int) -> None:
        """A checkpoint went to Kafka."""
        super().published(step)
        if self._steps and step < self._steps[-1]:  # a new attempt
            self._steps = []
        self._steps = [*self._steps, step][-KEPT:]
        self._tell(False)

    def ended(self) -> None:
        """So that nobody waits for more."""
        self._tell(True)

    def _tell(self, ended: bool) -> None:
        self._store.replace(FILE, json.dumps({"steps": self._steps, "ended": ended}).encode())


class HeardSteps:
    """Of a process whose checkpoints another one publishes."""

    def __init__(self, store: Store, patience: float, meanwhile: Callable[[], None]) -> None:
        """Waits for a checkpoint up to `patience` seconds, and calls `meanwhile` as it does."""
        self._store = store
        self._patience = patience
        self._meanwhile = meanwhile
        self._steps: list[int] = []
        self._ended = False
        self._given_up: int | None = None

    def published(self, step: int) -> None:
        """Not by this process.

        Raises:
            RuntimeError: always
        """
        raise RuntimeError("a rank that follows publishes no checkpoint")

    def at(self, noted: int, step: int) -> int | None:
        """The latest published up to the one noted; waits until that is out, or a later one is instead.

        After `patience` seconds, or at the end of the run, it was given up: batches then belong to the one before.
        Where there is none before, since the first rank's first batches were of no use, to the latest up to `step`.
        """
        deadline = time.monotonic() + self._patience
        while noted not in self._steps:
            self._read()
            if self._ended or noted == self._given_up or any(told >= noted for told in self._steps):
                break
            if time.monotonic() >= deadline:
                self._given_up = noted  # one wait for each
                break
            self._meanwhile()
            time.sleep(POLL_SECONDS)
        reached = [told for told in self._steps if told <= noted] or [told for told in self._steps if told <= step]
        return max(reached, default=None)

    def ended(self) -> None:
        """Not by this process: the first rank says so."""

    def _read(self) -> None:
        try:
            content = self._store.content(FILE)
            told = {} if content is None else json.loads(content)
        except (OSError, ValueError):
            return  # a network's file system may lose a file that is being replaced: the next look finds it
        if told:
            self._steps, self._ended = [int(step) for step in told["steps"]], bool(told["ended"])


def steps_of(role: Role, store: Store, patience: float, meanwhile: Callable[[], None]) -> Steps:
    """How this process knows of checkpoints."""
    if role.shard is None:
        return OwnSteps()
    return ToldSteps(store) if role.leads else HeardSteps(store, patience, meanwhile)
