"""The worker thread's part: files into the store, events to Kafka, old files away."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from ._agent import DurableSteps
from ._batch import Call
from ._events import Events
from ._export import Graph
from ._host import HostCopy
from ._options import Options
from ._publisher import Publisher
from ._safetensors import write
from ._shards import FILE, Role, steps_of
from ._stats import Ledger
from ._store import Store, StoredFile

BEHIND = 10  # times as many checkpoints stay for an agent that answers and has nothing of them in a snapshot


@dataclass(frozen=True)
class WrittenGraph:
    """A graph that is in the store, and no longer in memory: what events say of it, as in :class:`Graph`."""

    file: StoredFile
    call: Call
    logits: dict[str, Any]
    names: frozenset[str]
    lengths: dict[str, tuple[int, ...]] | None

    @classmethod
    def of(cls, graph: Graph, store: Store) -> WrittenGraph:
        """Writes it."""
        return cls(store.add_graph(graph.save), graph.call, graph.logits, graph.names, graph.lengths)


class Uploads:
    """Jobs of one run, to be run in the order in which things happened. Not for more than one thread."""

    def __init__(self, options: Options, role: Role, store: Store, publisher: Publisher, ledger: Ledger) -> None:
        """With a store that can be written to."""
        self._options = options
        self._store = store
        self._publisher = publisher
        self._ledger = ledger
        self._events = Events(options.run, options.source, role.shard)
        self._steps = steps_of(role, store, options.patience, publisher.poll)
        self._leads = role.leads
        self._durable = DurableSteps(options, ledger.say)
        self._graph: Path | None = None

    def checkpoint(self, step: int, copy: HostCopy, graph: WrittenGraph) -> Path | None:
        """Writes weights and publishes them; returns the file, or None if the broker has been away for too long."""
        self._publisher.poll()
        if self._publisher.checkpoints_waiting >= self._options.keep:
            # Their files would have to go before the broker, and so the agent, hears of them.
            self._ledger.drop("kafka-behind", f"{self._options.keep} checkpoints wait for Kafka: others are dropped")
            return None
        self._graph = graph.file.path
        tensors = {name: tensor for name, tensor in copy.wait().items() if name in graph.names}
        weights = self._store.write(f"step-{step}", partial(write, tensors))
        self._durable.before(step)
        body: dict[str, Any] = {
            "graph": graph.file.reference(),
            "weights": weights.reference(),
            "inputs": list(graph.call.names),
            "logits": graph.logits,
            "likelihood": dict(self._options.likelihood),
        }
        if self._options.layers:
            body["layers"] = [dict(rule) for rule in self._options.layers]
        self._publisher.publish(self._events.checkpoint(step, body))
        try:
            self._steps.published(step)
        except OSError as error:  # the checkpoint is out, and pruning may make room; the next one tells of all
            self._ledger.say("other ranks are not told", f"other ranks do not hear of checkpoint {step}: {error}")
        return weights.path

    def prune(self, newest: Path) -> None:
        """Removes the files of steps that the agent will not ask for again, or all but the latest few."""
        reach = self._durable.durable()
        if reach.step is None:
            # An agent that is there may yet read everything; one that keeps no state answers just so, hence a limit.
            keep = self._options.keep
            self._store.prune_to(BEHIND * keep if reach.answers else keep, newest)
        else:
            self._store.prune_below(reach.step, newest)
            if self._graph is not None:
                self._store.prune_graphs(self._graph)

    def batch(self, step: int, noted: int, copy: HostCopy) -> None:
        """Publishes a batch, within the event or in a file that goes when the checkpoint before it does.

        `noted` is the step of the last checkpoint that this process was asked for.
        """
        checkpoint = self._steps.at(noted, step)
        if checkpoint is None:
            where = "" if self._leads else f" ({self._store.folder / FILE}, which the first rank writes, names none)"
            self._ledger.drop("no-checkpoint", f"no checkpoint has been written yet{where}: this batch is of no use")
            return
        tensors = copy.wait()
        if _bytes(tensors) <= self._options.inline_limit:
            buffer = io.BytesIO()
            write(tensors, buffer)
            self._publisher.publish(self._events.batch(step, buffer.getvalue(), checkpoint))
        else:
            file = self._store.write(f"batch-{checkpoint}", partial(write, tensors))
            self._publisher.publish(self._events.batch_file(step, file.reference(), checkpoint))

    def ended(self, step: int, status: str) -> None:
        """Publishes the end of the run."""
        self._publisher.publish(self._events.run_ended(step, status))
        self._steps.ended()


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
