"""What a watch did and what it did not get to do; safe for both of its threads."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass

log = logging.getLogger("fisherwatch")


@dataclass(frozen=True)
class Stats:
    """Figures of a watch since it began."""

    delivered: dict[str, int]
    """Events that the broker has, by type: checkpoint, batch, run-ended."""
    dropped: dict[str, int]
    """What was given up, by cause; docs/python.md lists them."""
    queued: int
    """Jobs that wait for the worker thread."""
    unacknowledged: int
    """Events that wait for the broker."""
    training_seconds: float
    """Time spent on the training thread, the export of the graph left out."""
    export_seconds: float
    """Time that the export of the graph took."""


class Ledger:
    """Counts, and logs each cause of trouble once."""

    def __init__(self, run: str, strict: bool) -> None:
        """For a run; `strict` keeps the first error, to be raised by :meth:`raise_first`."""
        self._run = run
        self._strict = strict
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self._first: BaseException | None = None
        self.delivered: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.training_seconds = 0.0
        self.export_seconds = 0.0

    def deliver(self, kind: str) -> None:
        """The broker has an event of this kind."""
        with self._lock:
            self.delivered[kind] += 1

    def drop(self, cause: str, what: str, error: BaseException | None = None) -> None:
        """Something is given up; said once for each cause and kind of error."""
        with self._lock:
            self.dropped[cause] += 1
            if error is not None and self._first is None:
                self._first = error
        self.say(f"{cause}/{type(error).__name__}", f"{what}; more of the kind ({cause}) is counted, not logged")

    def say(self, key: str, message: str, level: int = logging.WARNING) -> None:
        """Logs a message once."""
        with self._lock:
            if key in self._said:
                return
            self._said.add(key)
        log.log(level, "run %s: %s", self._run, message)

    def forget(self, key: str) -> bool:
        """Lets a message be logged again; tells whether it had been."""
        with self._lock:
            known = key in self._said
            self._said.discard(key)
            return known

    def raise_first(self) -> None:
        """Raises the first error of either thread, if the watch is strict."""
        if self._strict and self._first is not None:
            error, self._first = self._first, None
            raise error
