"""A callback for Lightning's Trainer, which hands every batch to its callbacks."""

from __future__ import annotations

import os
from typing import Any, Callable, Union

import lightning
from torch import Tensor, nn

from ._options import Options
from ._schedule import Schedule
from ._watch import Watch, watch

ModelPick = Union[str, Callable[[lightning.LightningModule], nn.Module], None]


class FisherwatchCallback(lightning.Callback):
    """Watches a job of Lightning's: `Trainer(callbacks=[FisherwatchCallback(run=…, store=…)])`."""

    def __init__(
        self,
        run: str,
        store: str | os.PathLike[str],
        batch_every: int = 10,
        checkpoint_every: int = 100,
        model: ModelPick = None,
        split: Callable[[Any], tuple[Any, Tensor | None]] | None = None,
        **options: Any,
    ) -> None:
        """Publishes a batch in `batch_every` optimizer steps and the weights in `checkpoint_every`.

        Args:
            run: the run's name
            store: the folder shared with the agent
            batch_every: optimizer steps from one batch to the next
            checkpoint_every: optimizer steps from one checkpoint to the next
            model: the network within the LightningModule: an attribute's name or a function; by default the
                LightningModule itself, whose forward is exported
            split: a batch's inputs and labels; by default a batch of (inputs, labels) is split so, a mapping has
                its labels under that name, anything else is inputs
            options: as of :func:`fisherwatch.watch`
        """
        super().__init__()
        Options.check(run, store, options)
        self._options = {"run": run, "store": store, **options}
        self._cadence = batch_every, checkpoint_every
        self._schedule = Schedule(*self._cadence)
        self._model = model
        self._split = split or _split
        self.watch: Watch | None = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Attaches to the model."""
        self._schedule = Schedule(*self._cadence)
        self.watch = watch(self._network(pl_module), **self._options)
        self._checkpoint(trainer)

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """A batch is about to be used."""
        if self.watch is not None and self._schedule.wants_batch(trainer.global_step):
            inputs, labels = self._split(batch)
            self.watch.batch(inputs, labels, step=trainer.global_step)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The weights may have changed."""
        self._checkpoint(trainer)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """The run has ended."""
        if self.watch is not None:
            self.watch.close()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """The run has failed."""
        if self.watch is not None:
            self.watch.close("failed")

    def _checkpoint(self, trainer: lightning.Trainer) -> None:
        if self.watch is not None and self._schedule.wants_checkpoint(trainer.global_step):
            self.watch.checkpoint(trainer.global_step)

    def _network(self, module: lightning.LightningModule) -> nn.Module:
        if isinstance(self._model, str):
            return module.get_submodule(self._model)
        return module if self._model is None else self._model(module)


def _split(batch: Any) -> tuple[Any, Tensor | None]:
    if isinstance(batch, (tuple, list)) and len(batch) == 2 and isinstance(batch[1], Tensor):
        return batch[0], batch[1]
    return batch, None
