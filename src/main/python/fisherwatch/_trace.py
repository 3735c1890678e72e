"""Tracing a module into a TorchScript graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TracedGraph:
    """A graph; `path` is tapped or plain, and `reason` says why it is not tapped."""

    script: torch.jit.ScriptModule
    path: str = "plain"
    reason: str | None = None

    def save(self, path: str) -> None:
        """Writes it as TorchScript does."""
        self.script.save(path)


def trace(module: nn.Module, inputs: tuple[Tensor, ...], logits: int = 0) -> TracedGraph:
    """Traces a module on inputs; output number `logits` holds the logits."""
    return TracedGraph(torch.jit.trace(module, inputs, check_trace=False))
