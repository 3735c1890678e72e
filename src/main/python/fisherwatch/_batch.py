"""Batches as named tensors, whatever form the training loop has them in."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._errors import BatchError
from ._options import InputsPick

LABELS = "labels"


@dataclass(frozen=True)
class Call:
    """How a model is called: its tensor inputs in the order of its arguments, by name or by place."""

    names: tuple[str, ...]
    by_name: bool

    def output(self, model: Any, inputs: Sequence[Tensor]) -> Any:
        """What the model gives."""
        return model(**dict(zip(self.names, inputs))) if self.by_name else model(*inputs)


@dataclass(frozen=True)
class Batch:
    """Named tensors whose first dimension is the example; `call` tells the inputs among them."""

    call: Call
    tensors: dict[str, Tensor]

    def inputs(self) -> tuple[Tensor, ...]:
        """The inputs in the order of the model's arguments."""
        return tuple(self.tensors[name] for name in self.call.names)

    @property
    def examples(self) -> int:
        """How many there are."""
        return int(next(iter(self.tensors.values())).shape[0])


def named(model: nn.Module, inputs: Any, labels: Tensor | None, pick: InputsPick, mask: str | None) -> Batch:
    """Names a batch's tensors.

    Args:
        model: whose arguments give the names and their order
        inputs: a tensor, a tuple or list of tensors, or a mapping; of a mapping `labels` is taken out
        labels: overrides those in a mapping
        pick: names of the inputs, or a function from `inputs` to a form above
        mask: a tensor of the mapping that is not an input but the likelihood's mask
    Raises:
        BatchError: there is no tensor, or their first dimensions differ
    """
    arguments, anything = _arguments(model)
    if callable(pick):
        inputs, pick = pick(inputs), None
    extra: dict[str, Tensor] = {}
    if isinstance(inputs, Mapping):
        given = {str(name): value for name, value in inputs.items() if isinstance(value, Tensor)}
        labels = given.pop(LABELS, None) if labels is None else labels
        given.pop(LABELS, None)
        if mask is not None and mask in given:
            extra[mask] = given[mask]
        wanted = list(pick) if pick is not None else [name for name in arguments if name in given]
        if pick is None and anything:
            # Hugging Face's Trainer adds counts, which are no inputs.
            wanted += [name for name, tensor in given.items() if name not in wanted and tensor.dim() > 0]
        missing = [name for name in wanted if name not in given]
        if missing:
            raise BatchError(f"the batch has no {', '.join(missing)}; it has {', '.join(given) or 'no tensor'}")
        chosen, by_name = {name: given[name] for name in wanted}, True
    else:
        tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        if not all(isinstance(tensor, Tensor) for tensor in tensors):
            raise BatchError(
                f"inputs holds {', '.join(type(t).__name__ for t in tensors)}; it should be a tensor, a tuple of "
                "tensors or a dict of them, or pick them with inputs=lambda batch: …"
            )
        free = [name for name in arguments if name != LABELS]
        names = list(pick) if pick is not None else free[: len(tensors)]
        names += [f"input_{i}" for i in range(len(names), len(tensors))]
        chosen, by_name = dict(zip(names, tensors)), False
    if not chosen:
        raise BatchError(f"no input is found in the batch; the model takes {', '.join(arguments) or 'nothing'}")
    everything = {**chosen, **extra}
    if labels is not None:
        everything[LABELS] = labels
    _check(everything)
    return Batch(Call(tuple(chosen), by_name), everything)


def check_form(batch: Batch, call: Call, lengths: Mapping[str, tuple[int, ...]] | None) -> None:
    """Holds a batch against a graph that takes these inputs, and for `lengths` no other dimensions behind the first.

    Raises:
        BatchError: the graph could not be run on it
    """
    if batch.call.names != call.names:
        raise BatchError(f"the batch has the inputs {batch.call.names}; the graph takes {call.names}")
    for name, length in (lengths or {}).items():
        found = tuple(batch.tensors[name].shape[1:])
        if found != length:
            raise BatchError(
                f"{name} has the shape [N, {', '.join(map(str, found))}]; the graph holds for "
                f"[N, {', '.join(map(str, length))}] only, since tracing made a constant of the length. "
                "Pad all batches to one length"
            )


def sample(batch: Batch, most: int | None, generator: torch.Generator) -> Batch:
    """At most so many of its examples, drawn without replacement, in their order."""
    if most is None or batch.examples <= most:
        return batch
    rows = torch.randperm(batch.examples, generator=generator)[:most].sort().values
    return Batch(batch.call, {name: t.index_select(0, rows.to(t.device)) for name, t in batch.tensors.items()})


def as_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Labels that are whole numbers as int64, half precision as float32: what the graph takes."""
    result = {}
    for name, tensor in tensors.items():
        if name == LABELS and not tensor.is_floating_point():
            tensor = tensor.to(torch.int64)
        elif tensor.dtype in (torch.float16, torch.bfloat16):
            tensor = tensor.to(torch.float32)
        result[name] = tensor
    return result


def without_soft_labels(batch: Batch, kind: str) -> Batch:
    """Without labels that are no class numbers (mixup and smoothing make shares of them), where those are wanted."""
    labels = batch.tensors.get(LABELS)
    if kind != "categorical" or labels is None or not labels.is_floating_point():
        return batch
    return Batch(batch.call, {name: tensor for name, tensor in batch.tensors.items() if name != LABELS})


def _check(tensors: Mapping[str, Tensor]) -> None:
    sizes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if any(not shape for shape in sizes.values()) or len({shape[0] for shape in sizes.values()}) != 1:
        raise BatchError(f"the first dimension of every tensor should be the example; found {sizes}")
    if not next(iter(sizes.values()))[0]:
        raise BatchError("the batch has no example")


def _arguments(model: nn.Module) -> tuple[list[str], bool]:
    """Names of the arguments of forward, and whether it takes any others by name."""
    parameters = inspect.signature(model.forward).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [p.name for p in parameters if p.kind in kinds]
    return names, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
