"""Copies of tensors on the host, made on the training thread: from a GPU without waiting for them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class HostCopy:
    """Tensors on their way to the host. Copies from a GPU are under way until :meth:`wait` returns.

    The memory is used again by the next :meth:`fill` of the same names and shapes: pinned memory is slow to get.
    """

    def __init__(self) -> None:
        """Without memory."""
        self._tensors: dict[str, Tensor] = {}
        self._events: list[torch.cuda.Event] = []

    def fill(self, tensors: Mapping[str, Tensor]) -> HostCopy:
        """Copies tensors, whatever their device; what they held before is gone."""
        self._tensors = {name: self._memory(name, tensor) for name, tensor in tensors.items()}
        for name, tensor in tensors.items():
            self._tensors[name].copy_(tensor.detach(), non_blocking=tensor.is_cuda)
        self._events = []
        for device in {tensor.device for tensor in tensors.values() if tensor.is_cuda}:
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(device))
            self._events.append(event)
        return self

    def wait(self) -> dict[str, Tensor]:
        """The tensors, complete."""
        for event in self._events:
            event.synchronize()
        self._events = []
        return self._tensors

    def _memory(self, name: str, tensor: Tensor) -> Tensor:
        kept = self._tensors.get(name)
        if kept is not None and kept.shape == tensor.shape and kept.dtype == tensor.dtype:
            return kept
        return torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu", pin_memory=tensor.is_cuda)
