"""When a framework's callback publishes: by optimizer steps, whatever the micro-batches."""

from __future__ import annotations


class Schedule:
    """One batch in every `batch_every` optimizer steps, and a checkpoint in every `checkpoint_every`."""

    def __init__(self, batch_every: int, checkpoint_every: int) -> None:
        """Both at least 1."""
        for name, value in (("batch_every", batch_every), ("checkpoint_every", checkpoint_every)):
            if value < 1:
                raise ValueError(f"{name} is {value}, which should be 1 or more")
        self._batch_every, self._checkpoint_every = batch_every, checkpoint_every
        self._batch_at = self._checkpoint_at = -1

    def wants_batch(self, step: int) -> bool:
        """Whether the micro-batch at hand, the first after `step` optimizer steps, is to be published."""
        if step == self._batch_at or step % self._batch_every:
            return False
        self._batch_at = step
        return True

    def wants_checkpoint(self, step: int) -> bool:
        """Whether the weights after `step` optimizer steps are to be published, and have not been."""
        if step == self._checkpoint_at or step % self._checkpoint_every:
            return False
        self._checkpoint_at = step
        return True
