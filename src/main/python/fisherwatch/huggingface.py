"""A callback for the Trainer of Hugging Face Transformers.

A Trainer's callback is told of steps and sees the model, but never the batch; a collator sees batches, but in
another process when the loader has workers. So the callback puts a hook before the model's forward pass, which
gets the batch just as the model does. It acts in training only, between a step's beginning and its end, and takes
the first micro-batch of an optimizer step.
"""

from __future__ import annotations

import os
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
        self._hook: Any = None
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
        # Under torch.compile the hook would become a part of what is compiled.
        self._hook = model.register_forward_pre_hook(torch.compiler.disable(self._see), with_kwargs=True)

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
        if self.watch is None or not self._armed or not model.training:
            return
        self._armed = False
        if self._schedule.wants_batch(self._step):
            self.watch.batch(kwargs if kwargs else args, step=self._step)

    def _detach(self, status: str) -> None:
        self._armed = False
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        if self.watch is not None:
            self.watch.close(status)
