"""A callback for the Trainer of Hugging Face Transformers.

A Trainer's callback is told of steps and sees the model, but never the batch; a collator sees batches, but in
another process when the loader has workers. So the callback puts a hook before the model's forward pass, which
gets the batch just as the model does. It acts in training only, between a step's beginning and its end, and takes
the first micro-batch of an optimizer step.
"""

from __future__ import annotations

import os
import weakref
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ._options import Options
from ._schedule import Schedule
from ._watch import Watch, watch


class FisherwatchCallback(TrainerCallback):
    """Watches a Trainer's job: `Trainer(…, callbacks=[FisherwatchCallback(run=…, store=…)])`."""

    def __init__(
        self,
        run: str,
        store: str | os.PathLike[str],
        batch_every: int = 10,
        checkpoint_every: int = 100,
        **options: Any,
    ) -> None:
        """Publishes a batch in `batch_every` optimizer steps and the weights in `checkpoint_every`.

        Args:
            run: the run's name
            store: the folder shared with the agent
            batch_every: optimizer steps from one batch to the next
            checkpoint_every: optimizer steps from one checkpoint to the next
            options: as of :func:`fisherwatch.watch`
        """
        Options.check(run, store, options)
        self._options = {"run": run, "store": store, **options}
        self._cadence = batch_every, checkpoint_every
        self._schedule = Schedule(*self._cadence)
        self._armed = False
        self._step = 0
        self._handle: Any = None
        self.watch: Watch | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Attaches to the model."""
        self._detach("failed")  # of a training that was broken off
        model: nn.Module = kwargs["model"]
        self._schedule = Schedule(*self._cadence)
        self.watch = watch(model, **self._options)
        self._checkpoint(state.global_step)
        self._handle = model.register_forward_pre_hook(_Hook(self), with_kwargs=True)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The batches of an optimizer step come."""
        self._step, self._armed = state.global_step, True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """The weights have changed."""
        self._armed = False
        self._checkpoint(state.global_step)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The run has ended."""
        self._detach("completed")

    def _checkpoint(self, step: int) -> None:
        if self.watch is not None and self._schedule.wants_checkpoint(step):
            self.watch.checkpoint(step)

    def _see(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.watch is None or not self._armed or not model.training or not torch.is_grad_enabled():
            return
        self._armed = False
        if self._schedule.wants_batch(self._step):
            self.watch.batch(kwargs if kwargs else args, step=self._step)

    def _detach(self, status: str) -> None:
        self._armed = False
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        if self.watch is not None:
            self.watch.close(status)


class _Hook:
    """Shows the callback what goes into the model that it watches; a copy, or a saved model, shows nobody."""

    def __init__(self, callback: FisherwatchCallback | None) -> None:
        self._callback = None if callback is None else weakref.ref(callback)

    def _show(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        callback = None if self._callback is None else self._callback()
        if callback is not None:
            callback._see(model, args, kwargs)

    __call__: Any = torch.compiler.disable(_show)  # else it would become a part of what is compiled

    def __deepcopy__(self, _: Any) -> _Hook:
        return _Hook(None)

    def __reduce__(self) -> tuple[Any, ...]:
        # What does nothing with any arguments, and can be loaded where there is no Fisherwatch.
        return getattr, (nullcontext(), "__exit__")
