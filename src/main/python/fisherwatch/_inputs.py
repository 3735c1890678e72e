"""What goes into a model and what comes out of it: batches cut into examples, and where the logits are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Union

import torch
from torch import Tensor, nn

Batch = Union[Tensor, Sequence[Any], Mapping[str, Any]]
Logits = Union[int, str, Callable[[Any], Tensor], None]

#: The label of an output that does not count.
IGNORED = -100


class Inputs:
    """A batch cut into examples."""

    def __init__(
        self, batch: Batch, labels: Tensor | None, mask: Tensor | str | None, dtype: torch.dtype | None
    ) -> None:
        keywords = dict(batch) if isinstance(batch, Mapping) else {}
        in_batch = keywords.pop("labels", None)
        if isinstance(mask, str):
            if mask not in keywords:
                raise ValueError(f"mask {mask!r} is not in the batch, which has {sorted(keywords)}")
            mask = torch.as_tensor(keywords[mask])
        self.labels = labels if labels is not None else in_batch
        self.mask: Tensor | None = mask
        positional = [batch] if isinstance(batch, Tensor) else [] if isinstance(batch, Mapping) else list(batch)
        self._positional = [_in_precision(value, dtype) for value in positional]
        self._keywords = {name: _in_precision(value, dtype) for name, value in keywords.items()}
        tensors = [v for v in [*self._positional, *self._keywords.values(), self.labels, mask] if isinstance(v, Tensor)]
        sizes = {tensor.shape[0] if tensor.dim() else None for tensor in tensors}
        if len(sizes) != 1 or None in sizes:
            shapes = [list(tensor.shape) for tensor in tensors]
            raise ValueError(f"the first dimension of every tensor is the example, but the shapes are {shapes}")
        self.examples: int = tensors[0].shape[0]
        if self.examples == 0:
            raise ValueError("the batch is empty")

    def call(self, model: nn.Module, example: int) -> Any:
        """What the model returns for one example."""

        def cut(value: Any) -> Any:
            return value[example : example + 1] if isinstance(value, Tensor) else value

        return model(*map(cut, self._positional), **{name: cut(value) for name, value in self._keywords.items()})

    def targets(self, example: int, rows: int, classes: int, categorical: bool) -> list[tuple[int, int | None]]:
        """The outputs of an example that count, each with its label."""
        labels: list[int | None] = [None] * rows
        if self.labels is not None and categorical:
            labels = list(map(int, _one(self.labels, "labels", example, rows)))
        kept = [label != IGNORED for label in labels]
        if self.mask is not None:
            kept = [value != 0 for value in _one(self.mask, "mask", example, rows)]
        for label, counts in zip(labels, kept):
            if counts and label is not None and label != IGNORED and not 0 <= label < classes:
                raise ValueError(f"label {label} of example {example} is neither a class (0 to {classes - 1}) nor -100")
        return [(row, label) for row, (label, counts) in enumerate(zip(labels, kept)) if counts]


def _in_precision(value: Any, dtype: torch.dtype | None) -> Any:
    floating = dtype is not None and isinstance(value, Tensor) and value.is_floating_point()
    return value.detach().to(dtype) if floating else value


def _one(tensor: Tensor, what: str, example: int, rows: int) -> list[float]:
    values: list[float] = tensor[example].reshape(-1).tolist()
    if len(values) != rows:
        raise ValueError(f"{what} are {list(tensor.shape)}, but the logits have {rows} outputs for each example")
    return values


def logits_of(result: Any, selection: Logits) -> Tensor:
    """The logits among what a model returns.

    Raises:
        TypeError: if they are not where the selection says.
    """
    if callable(selection):
        found = selection(result)
    elif isinstance(selection, int):
        found = result if isinstance(result, Tensor) and selection == 0 else _at(result, selection)
    elif selection is not None:
        found = _at(result, selection)
    elif isinstance(result, Tensor):
        found = result
    elif isinstance(getattr(result, "logits", None), Tensor):
        found = result.logits
    else:
        found = _at(result, "logits" if isinstance(result, Mapping) else 0)
    if not isinstance(found, Tensor):
        raise TypeError(f"the logits are to be a tensor, not {type(found).__name__}; choose with logits=")
    return found


def _at(result: Any, key: int | str) -> Any:
    try:
        if isinstance(result, Tensor):  # which an index would cut
            raise TypeError
        return result[key]
    except (KeyError, IndexError, TypeError):
        if isinstance(key, str) and hasattr(result, key):
            return getattr(result, key)
        has = f"keys {sorted(map(str, result))}" if isinstance(result, Mapping) else f"type {type(result).__name__}"
        raise TypeError(f"no logits at {key!r} of the model's result, which has {has}; choose with logits=") from None
