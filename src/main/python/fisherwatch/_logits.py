"""Which of a model's outputs holds the logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ._errors import ExportError
from ._options import LogitsPick


def select(output: Any, pick: LogitsPick) -> Tensor:
    """The logits.

    Without a pick: the output if it is a tensor, what is called `logits`, the only tensor of a dict, or the first
    of a tuple.

    Raises:
        ExportError: it is not clear, or not a tensor
    """
    chosen = _picked(output, pick) if pick is not None else _guessed(output)
    if not isinstance(chosen, Tensor):
        raise ExportError(
            f"the logits should be a tensor; the model returns {type(output).__name__} and of it "
            f"{type(chosen).__name__} was taken{_listing(output)}. "
            "Say which with logits='key', logits=1 or logits=lambda output: …"
        )
    if chosen.dim() < 2:
        raise ExportError(f"the logits have the shape {tuple(chosen.shape)}; they should be [N, C] or [N, T, C]")
    return chosen


def _picked(output: Any, pick: LogitsPick) -> Any:
    if callable(pick):
        return pick(output)
    try:
        return output[pick] if not isinstance(pick, str) or isinstance(output, Mapping) else getattr(output, pick)
    except (KeyError, IndexError, TypeError, AttributeError) as e:
        raise ExportError(
            f"logits={pick!r} picks nothing of what the model returns, {type(output).__name__}{_listing(output)}"
        ) from e


def _guessed(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        tensors = [value for value in output.values() if isinstance(value, Tensor)]
        return output.get("logits", tensors[0] if len(tensors) == 1 else None)
    named = getattr(output, "logits", None)
    if named is not None:
        return named
    return next((value for value in output if isinstance(value, Tensor)), None) if isinstance(output, tuple) else None


def _listing(output: Any) -> str:
    return f" with {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
