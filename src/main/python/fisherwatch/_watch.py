"""A training job under watch: what happens on the training thread, which must never be held up."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Callable

import torch
from torch import Tensor, nn

from . import _model
from ._batch import Batch, as_published, check_form, named, sample, without_soft_labels
from ._errors import BatchError, ExportError
from ._export import Graph, export_graph
from ._host import HostCopy
from ._options import InputsPick, LogitsPick, Options
from ._publisher import Producer, Publisher, kafka_producer
from ._shards import Role
from ._stats import Ledger, Stats
from ._store import Store
from ._uploads import Uploads, WrittenGraph
from ._worker import Worker, at_exit

EXIT_SECONDS = 5.0
EXPORTS = 5  # attempts, each with another batch
WRITE_PAUSE_SECONDS = 60.0  # after a graph could not be written

MakeProducer = Callable[[Options, Callable[[Any], None]], Producer]


class Watch:
    """Publishes the checkpoints and some of the batches of a training job. Made by :func:`watch`.

    For one thread. After construction nothing is raised (unless `strict`), nothing waits, and a process that was
    forked, or that is not the first of its group and no shard, does nothing.
    """

    def __init__(
        self,
        model: nn.Module,
        options: Options,
        graph: Graph | None = None,
        example_inputs: Any = None,
        producer: MakeProducer = kafka_producer,
    ) -> None:
        """See :func:`watch`."""
        self._model = _model.unwrap(model)
        self._options = options
        self._sharded = _model.is_sharded(self._model)
        if self._sharded and graph is None:
            raise ExportError(_model.SHARDED)
        self._pid = os.getpid()
        self._closed = False
        self._role = Role.of(options.shard)
        self._ledger = Ledger(options.run, options.strict)
        self._given = graph is not None
        self._exported = graph
        self._graph: WrittenGraph | None = None
        self._attempts = 0
        self._write_after = 0.0
        self._calls = 0
        self._last_step = 0
        self._noted: int | None = None
        self._checkpoints = 0
        self._pending: tuple[int, HostCopy] | None = None
        self._free = deque(HostCopy() for _ in range(options.checkpoints_in_flight))
        self._random = torch.Generator().manual_seed(options.seed)
        self._began = time.perf_counter()
        if not self._role.publishes:
            return
        self._store = store = Store(options.store, options.run)
        if self._role.leads and graph is not None:
            self._graph = self._write(graph)
        elif self._role.leads and example_inputs is not None:
            batch = named(self._model, example_inputs, None, options.inputs, options.likelihood.get("mask"))
            self._graph = self._export(batch)
        self._publisher = Publisher(options, self._ledger, producer)
        self._uploads = Uploads(options, self._role, store, self._publisher, self._ledger)
        self._worker = Worker(options.queue_size, self._ledger, self._publisher.poll)
        self._at_exit = at_exit(self._close, None, EXIT_SECONDS)

    def batch(self, inputs: Any, labels: Tensor | None = None, step: int | None = None) -> None:
        """A batch was drawn for training.

        Args:
            inputs: a tensor, a tuple of tensors or a dict of them, in which `labels` may be; the first dimension is
                the example
            labels: int64, if there are any; shares of classes (mixup) are left out where classes are wanted
            step: optimizer steps so far; by default the number of calls so far, or the latest step given if it is more
        """
        if not self._at_work():
            return
        with self._guarded():
            self._batch(inputs, labels, max(self._calls, self._last_step) if step is None else step)
        self._ledger.raise_first()

    def checkpoint(self, step: int) -> None:
        """The weights are those after so many optimizer steps. With FSDP or `shard`, to be called on every rank."""
        if self._sharded and not self._closed and os.getpid() == self._pid:
            with self._guarded():
                gathered = dict(_model.full_state(self._model))
                if self._role.publishes:
                    self._checkpoint(step, gathered)
        elif self._at_work():
            with self._guarded():
                self._checkpoint(step, None)
        self._ledger.raise_first()

    def close(self, status: str = "completed", timeout: float | None = None) -> None:
        """Publishes the end of the run and waits for the broker, at most `timeout` seconds (`close_timeout`).

        What could not be published by then is logged and counted.
        """
        if status not in ("completed", "failed"):
            raise ValueError(f"status is {status!r}, which should be completed or failed")
        self._close(status, self._options.close_timeout if timeout is None else timeout)
        self._ledger.raise_first()

    @property
    def dropped(self) -> int:
        """How many checkpoints, batches and events were given up."""
        return sum(self._ledger.dropped.values())

    def stats(self) -> Stats:
        """What was done and what was not."""
        at_work = self._role.publishes and not self._closed
        return Stats(
            delivered=dict(self._ledger.delivered),
            dropped=dict(self._ledger.dropped),
            queued=self._worker.waiting if at_work else 0,
            unacknowledged=self._publisher.unacknowledged if at_work else 0,
            training_seconds=self._ledger.training_seconds,
            export_seconds=self._ledger.export_seconds,
        )

    def __enter__(self) -> Watch:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes; an exception makes the run a failed one and goes on its way."""
        if kind is None:
            self.close()
        else:
            self._close("failed", self._options.close_timeout)

    def _batch(self, inputs: Any, labels: Tensor | None, step: int) -> None:
        self._calls += 1
        if (self._calls - 1) % self._options.every:
            return
        self._last_step = max(self._last_step, step)
        if self._passes():
            return
        mask = self._options.likelihood.get("mask")
        batch = named(self._model, inputs, labels, self._options.inputs, mask)
        if self._graph is None and self._role.leads:
            self._graph = self._export(batch)
        graph = self._graph or self._exported  # neither on a rank that exports nothing: the agent will check
        if graph is not None:
            check_form(batch, graph.call, graph.lengths)
        batch = self._with_classes(batch)
        noted = self._begin(step)
        batch = sample(batch, self._options.max_examples, self._random)
        copy = HostCopy().fill(as_published(batch.tensors))
        if not self._worker.offer(lambda: self._uploads.batch(step, noted, copy)):
            self._queue_full()

    def _passes(self) -> bool:
        """Whether there is no graph, no time or no room for anything more now; what is given up is counted."""
        if self._no_graph() or (self._checkpoints and self._spent_too_much()):
            return True
        if self._worker.full:
            self._queue_full()
            return True
        return False

    def _begin(self, step: int) -> int:
        """Before a batch goes a checkpoint: the one that waited for the graph, or the weights as they are.

        Returns:
            the step of the last that was asked for
        """
        if self._pending is not None and self._graph is not None:
            (at, copy), self._pending = self._pending, None
            self._offer_checkpoint(at, copy, self._graph)
        elif not self._checkpoints and not self._sharded:
            self._checkpoint(step, None)
        self._noted = step if self._noted is None else self._noted
        return self._noted

    def _checkpoint(self, step: int, state: dict[str, Tensor] | None) -> None:
        self._last_step = max(self._last_step, step)
        self._noted = step
        if not self._role.leads:
            self._checkpoints += 1
            return
        if self._passes():
            return
        if self._pending is not None:  # nobody has seen it
            self._free.append(self._pending[1])
            self._pending = None
        try:
            copy = self._free.popleft()
        except IndexError:
            self._ledger.drop("checkpoint-in-flight", "the one before is still being written")
            return
        copy.fill(_model.state(self._model) if state is None else state)
        self._checkpoints += 1
        if self._graph is not None and not self._graph.file.path.exists():  # somebody tidied up
            self._graph = None if self._exported is None else self._write(self._exported)
        if self._graph is None:
            self._pending = step, copy
        else:
            self._offer_checkpoint(step, copy, self._graph)

    def _offer_checkpoint(self, step: int, copy: HostCopy, graph: WrittenGraph) -> None:
        def job() -> None:
            try:
                written = self._uploads.checkpoint(step, copy, graph)
            finally:
                self._free.append(copy)
            if written is not None:
                self._uploads.prune(written)

        if not self._worker.offer(job):
            self._free.append(copy)
            self._queue_full()

    def _export(self, batch: Batch) -> WrittenGraph:
        """Exports the model and writes the graph: here, since saving holds the interpreter whatever the thread."""
        began = time.perf_counter()
        try:
            if self._exported is None:
                self._attempts += 1
                self._exported = export_graph(self._model, batch, self._options.logits, self._options.export)
                self._attempts = 0
            self._write_after = time.monotonic() + WRITE_PAUSE_SECONDS
            return self._write(self._exported)
        finally:
            self._ledger.export_seconds += time.perf_counter() - began

    def _write(self, graph: Graph) -> WrittenGraph:
        written = WrittenGraph.of(graph, self._store)
        if not self._given:  # as large as the model: if the file goes, the model is exported anew
            self._exported = None
        return written

    def _no_graph(self) -> bool:
        if self._graph is None and self._attempts >= EXPORTS:
            self._ledger.drop("no-graph", f"the model could not be exported with {EXPORTS} batches, and is left alone")
            return True
        if self._graph is None and self._exported is not None and time.monotonic() < self._write_after:
            self._ledger.drop("no-graph", "the graph could not be written; it is tried again now and then")
            return True
        return False

    def _with_classes(self, batch: Batch) -> Batch:
        found = without_soft_labels(batch, self._options.likelihood["kind"])
        if found is not batch:
            self._ledger.say(
                "soft-labels",
                "labels are no whole numbers, which categorical takes: batches are published without labels, and so "
                "without the trace of the empirical matrix",
            )
        return found

    def _spent_too_much(self) -> bool:
        share = self._options.max_share
        if share is None or self._ledger.training_seconds <= share * (time.perf_counter() - self._began):
            return False
        self._ledger.dropped["time-share"] += 1
        return True

    def _queue_full(self) -> None:
        self._ledger.drop("queue-full", f"the queue is full ({self._options.queue_size} jobs): batches are dropped")

    def _at_work(self) -> bool:
        return self._role.publishes and not self._closed and os.getpid() == self._pid

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        began, exporting = time.perf_counter(), self._ledger.export_seconds
        try:
            yield
        except BatchError as e:
            self._ledger.drop("unusable-batch", f"a batch cannot be used: {e}", e)
        except ExportError as e:
            self._ledger.drop("no-graph", f"the model cannot be watched: {e}", e)
        except Exception as e:  # training goes on, whatever it is
            self._ledger.drop("failed", f"{type(e).__name__}: {e}", e)
        finally:
            exported = self._ledger.export_seconds - exporting
            self._ledger.training_seconds += time.perf_counter() - began - exported

    def _close(self, status: str | None, timeout: float) -> None:
        at_work, self._closed = self._at_work(), True
        if not at_work:
            return
        self._at_exit()
        deadline = time.monotonic() + timeout
        if self._pending is not None:
            self._ledger.drop("no-graph", "no batch was given, so that no graph could be exported")
        ends = status is not None and self._role.leads
        jobs = self._worker.close(
            partial(self._uploads.ended, self._last_step, str(status)) if ends else None, deadline
        )
        events = self._publisher.close(deadline - time.monotonic())
        if jobs or events:
            self._ledger.dropped["lost-at-close"] += jobs + events
            self._ledger.say(
                "lost", f"closed after {timeout:.0f} s; {jobs} jobs are undone and {events} events not taken by Kafka"
            )


def watch(
    model: nn.Module,
    *,
    run: str,
    store: str | os.PathLike[str],
    bootstrap_servers: str = "localhost:9092",
    graph: Graph | None = None,
    example_inputs: Any = None,
    **options: Any,
) -> Watch:
    """Attaches a training job to Fisherwatch.

    Args:
        model: as it is trained: DistributedDataParallel and torch.compile are looked through
        run: the run's name: letters, digits, `.`, `_`, `-`
        store: a folder that the agent reads, too (`files.roots`)
        bootstrap_servers: Kafka's
        graph: what :func:`export` made; by default the model is exported at the first batch
        example_inputs: a batch to export the model on at once
        options: of :class:`Options`, docs/python.md has them in a table
    Raises:
        TypeError: there is no such option
        ValueError: an option makes no sense
        OSError: the store cannot be written to
        ExportError: the model is sharded, or cannot be exported on the example inputs
    """
    chosen = Options.of(run, store, {"bootstrap_servers": bootstrap_servers, **options})
    return Watch(model, chosen, graph, example_inputs)


def export(
    model: nn.Module,
    example_inputs: Any,
    *,
    inputs: InputsPick = None,
    logits: LogitsPick = None,
    how: str = "auto",
) -> Graph:
    """Exports a model before it is sharded, or to see whether it can be; the model stays as it is.

    Args:
        model: not sharded
        example_inputs: a batch, in any form that :meth:`Watch.batch` takes
        inputs: names of the inputs, or a function that picks them from a batch
        logits: index, key or function that picks the logits from the output
        how: trace, script or auto
    Raises:
        ExportError: it cannot be exported; the message names the module and the way out
    """
    model = _model.unwrap(model)
    if _model.is_sharded(model):
        raise ExportError(_model.SHARDED)
    return export_graph(model, named(model, example_inputs, None, inputs, None), logits, how)
