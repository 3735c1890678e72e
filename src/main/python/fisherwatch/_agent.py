"""What the agent says about a run: how far its snapshots reach, so that older files may go."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
from dataclasses import dataclass
from typing import Callable

from ._door import TOKEN_VARIABLE, Door
from ._options import Options

TIMEOUT_SECONDS = 2.0
PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class RunStatus:
    """A part of `/api/runs/RUN`."""

    attempt: int
    step: int
    ended: bool
    durable_step: int | None


@dataclass(frozen=True)
class Reach:
    """What is known of an agent's reading.

    Attributes:
        answers: it knows the run; false if there is none, it is away, or has not heard of the run
        step: the step below which files may go; None if nothing that this attempt published is in a snapshot, be it
            that none was taken yet or that the agent keeps no state, which it does not tell
    """

    answers: bool
    step: int | None


class DurableSteps:
    """Asks the agent which files it may still need, and trusts only what it says of this very attempt of the run."""

    def __init__(self, options: Options, say: Callable[[str, str], None]) -> None:
        """For the agent of the options, if they name one; `say` logs once for each key.

        Raises:
            ValueError: token or ca is unusable
        """
        agent = options.agent
        self._url = f"{agent.rstrip('/')}/api/runs/{urllib.parse.quote(options.run)}" if agent else None
        # An agent is on this machine or named on purpose: no proxy between.
        self._door = Door(True, options.token, options.ca)
        self._say = say
        self._published: set[int] = set()
        self._attempt = 0
        self._latest = -1
        self._not_before = 0.0

    def before(self, step: int) -> None:
        """A checkpoint is about to be published: a lower step than before begins a new attempt."""
        if not self._published:
            status = self._ask()
            if status is not None:
                self._attempt = status.attempt + (status.ended or step < status.step)
        elif step < self._latest:
            self._attempt += 1
            self._published.clear()
        self._published.add(step)
        self._latest = step

    def durable(self) -> Reach:
        """How far the agent's snapshots reach."""
        status = self._ask()
        if status is None:
            return Reach(False, None)
        if status.attempt < self._attempt or status.durable_step not in self._published:
            return Reach(True, None)
        return Reach(True, status.durable_step)

    def _ask(self) -> RunStatus | None:
        if self._url is None or time.monotonic() < self._not_before:
            return None
        try:
            with self._door.open(self._url, TIMEOUT_SECONDS) as answer:
                body = json.load(answer)
            durable = body.get("durableStep")
            return RunStatus(
                int(body["attempt"]), int(body["step"]), bool(body["ended"]), None if durable is None else int(durable)
            )
        except urllib.error.HTTPError as e:
            if e.code == 401:
                self._say(
                    "agent-401",
                    f"the agent at {self._url} asks for the token of its web.auth, and the one given is missing or "
                    f"wrong (token='…' or {TOKEN_VARIABLE}): files are removed as if it were away",
                )
            if e.code != 404:  # it does not know the run yet
                self._not_before = time.monotonic() + PAUSE_SECONDS
        except (OSError, ValueError, KeyError, TypeError):
            self._not_before = time.monotonic() + PAUSE_SECONDS
        return None
