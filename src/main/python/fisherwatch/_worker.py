"""A thread with a bounded queue: the training thread offers a job and goes on, whatever becomes of it."""

from __future__ import annotations

import atexit
import queue
import threading
import time
import weakref
from typing import Any, Callable

from ._stats import Ledger

Job = Callable[[], None]
IDLE_SECONDS = 0.1


class Worker:
    """Runs jobs one after another on a daemon thread. A job that fails is counted and the next one runs."""

    def __init__(self, size: int, ledger: Ledger, idle: Job) -> None:
        """Starts it; `idle` is called between jobs."""
        self._queue: queue.Queue[Job] = queue.Queue(size)
        self._ledger = ledger
        self._idle = idle
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fisherwatch", daemon=True)
        self._thread.start()

    def offer(self, job: Job) -> bool:
        """Takes a job if there is room; never waits."""
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            return False
        return True

    @property
    def waiting(self) -> int:
        """Jobs that wait."""
        return self._queue.qsize()

    @property
    def full(self) -> bool:
        """Whether an offer would be refused."""
        return self._queue.full()

    def close(self, last: Job | None, deadline: float) -> int:
        """Runs what waits and then `last`, until the deadline of the monotonic clock.

        Returns:
            how many jobs were left undone
        """
        undone = 0
        if last is not None:
            try:
                self._queue.put(last, timeout=max(0.0, deadline - time.monotonic()))
            except queue.Full:
                undone += 1
        self._ending.set()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            undone += 1  # the one at work; it ends after itself, since the queue is emptied
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                return undone
            undone += 1

    def _run(self) -> None:
        while True:
            try:
                job = self._queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                if self._ending.is_set():
                    return
                job = self._idle
            self._do(job)
            if job is not self._idle:
                self._do(self._idle)

    def _do(self, job: Job) -> None:
        try:
            job()
        except Exception as e:  # the thread must live on; the ledger says what it was
            self._ledger.drop("failed", f"a job failed: {type(e).__name__}: {e}", e)


def at_exit(method: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    """Calls an object's method when the interpreter ends, if the object is still there; returns how to undo that."""
    reference = weakref.WeakMethod(method)

    def end() -> None:
        left = reference()
        if left is not None:
            left(*arguments)

    atexit.register(end)
    return lambda: atexit.unregister(end)
