"""Every option of a watch, with its default. docs/python.md says more."""

from __future__ import annotations

import difflib
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Callable, Union

from ._http import DEFAULT_AGENT
from ._shards import SHARD

RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
KINDS = ("categorical", "bernoulli", "gaussian")
EXPORTS = ("auto", "trace", "script")

LogitsPick = Union[int, str, Callable[[Any], Any], None]
InputsPick = Union[Sequence[str], Callable[[Any], Any], None]


def _source() -> str:
    return f"urn:fisherwatch:python:{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True)
class Options:
    """How a job is watched. Sizes are bytes, times are seconds."""

    run: str
    store: Path

    bootstrap_servers: str = "localhost:9092"
    topic: str = "training-events"
    shard: str | None = None
    checkpoints_topic: str | None = None
    patience: float = 60.0
    source: str = field(default_factory=_source)
    kafka: Mapping[str, Any] = field(default_factory=dict)
    message_timeout: float = 300.0
    buffer_bytes: int = 64 << 20
    inline_limit: int = 900_000

    inputs: InputsPick = None
    logits: LogitsPick = None
    likelihood: Mapping[str, Any] = field(default_factory=lambda: {"kind": "categorical"})
    layers: Sequence[Mapping[str, str]] = ()
    export: str = "auto"

    every: int = 1
    max_share: float | None = None
    max_examples: int | None = None
    seed: int = 0
    queue_size: int = 16
    checkpoints_in_flight: int = 1

    agent: str | None = DEFAULT_AGENT
    token: str | None = field(default=None, repr=False)
    ca: str | os.PathLike[str] | None = None
    keep: int = 5
    close_timeout: float = 30.0
    strict: bool = False

    def __post_init__(self) -> None:
        """Refuses what could only fail later, out of sight."""
        object.__setattr__(self, "store", Path(self.store).expanduser().absolute())
        likelihood = self.likelihood
        object.__setattr__(self, "likelihood", {"kind": likelihood} if isinstance(likelihood, str) else likelihood)
        if not (isinstance(self.run, str) and RUN.fullmatch(self.run)):
            raise ValueError(
                f"run is {self.run!r}, which should be 1 to 200 letters, digits, '.', '_' or '-', no sign first"
            )
        if self.shard is not None and not (isinstance(self.shard, str) and SHARD.fullmatch(self.shard)):
            raise ValueError(
                f"shard is {self.shard!r}, which should be 'rank', or a name of 1 to 100 letters, digits, '.', '_', '-'"
            )
        if self.checkpoints_topic is not None and self.shard is None:
            raise ValueError("checkpoints_topic is for a sharded run; without shard checkpoints go to topic")
        if self.topic_of_checkpoints == self.topic and self.shard is not None:
            raise ValueError(f"checkpoints_topic is topic, {self.topic!r}; checkpoints of a sharded run need their own")
        if not self.patience >= 0:
            raise ValueError(f"patience is {self.patience!r}, which should be seconds, 0 or more")
        if self.export not in EXPORTS:
            raise ValueError(f"export is {self.export!r}, which should be one of {', '.join(EXPORTS)}")
        kind = self.likelihood.get("kind")
        if kind not in KINDS:
            raise ValueError(f"likelihood is {kind!r}, which should be one of {', '.join(KINDS)}")
        if (kind == "gaussian") != ("sigma" in self.likelihood):
            raise ValueError("likelihood gaussian needs sigma, and no other kind takes it")
        unknown = set(self.likelihood) - {"kind", "sigma", "mask"}
        if unknown:
            raise ValueError(f"likelihood has {sorted(unknown)}; it takes kind, sigma and mask")
        for rule in self.layers:
            if set(rule) != {"name", "match"}:
                raise ValueError(f"layers has {dict(rule)!r}; a rule is {{'name': …, 'match': …}}")
        for name in ("every", "queue_size", "checkpoints_in_flight", "keep"):
            _at_least(name, getattr(self, name), 1)
        if self.max_examples is not None:
            _at_least("max_examples", self.max_examples, 1)
        if self.max_share is not None and not 0 < self.max_share <= 1:
            raise ValueError(f"max_share is {self.max_share!r}, which should be above 0 and at most 1")

    @property
    def topic_of_checkpoints(self) -> str:
        """Where checkpoints and the end of the run go."""
        if self.shard is None:
            return self.topic
        return self.checkpoints_topic or f"{self.topic}-checkpoints"

    @classmethod
    def of(cls, run: str, store: str | os.PathLike[str], options: Mapping[str, Any]) -> Options:
        """Options of these names.

        Raises:
            TypeError: there is no such option; the message names the nearest.
            ValueError: one of them makes no sense.
        """
        known = [f.name for f in fields(cls)]
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                raise TypeError(f"fisherwatch.watch has no option {name!r}; {hint}")
        return cls(run=run, store=Path(store), **options)

    @classmethod
    def check(cls, run: str, store: str | os.PathLike[str], options: Mapping[str, Any]) -> None:
        """Refuses what :meth:`of` would; for callbacks, which attach later."""
        own = ("graph", "example_inputs")
        cls.of(run, store, {name: value for name, value in options.items() if name not in own})


def _at_least(name: str, value: int, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}, which should be a whole number, {least} or more")
