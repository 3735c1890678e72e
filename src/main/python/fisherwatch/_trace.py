"""Traces a network into one TorchScript file that can be squared example by example where its layers allow it.

The file's method ``forward`` is the network. Its second method, ``tapped``, returns the logits and, for every call of a
layer, the layer's output and its features (see ``_taps``); an extra file, ``fisherwatch.json``, says which parameter's
gradient follows from which of them, or why the file has no such method. Nothing of this is taken on trust: what
``tapped`` says of each example is compared with autograd before the file is written.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import _taps
from ._taps import Layout, NoRuleError, Role

DESCRIPTION = "fisherwatch.json"
TOLERANCE = 1e-3


@dataclass(frozen=True)
class TracedGraph:
    """A traced network; ``reason`` says in words why it is plain, and is None if it is tapped."""

    script: torch.jit.ScriptModule
    roles: tuple[Role, ...] | None
    reason: str | None

    @property
    def path(self) -> str:
        """The way in which squares will be made: ``tapped`` or ``plain``."""
        return "plain" if self.roles is None else "tapped"

    def save(self, path: str | Path) -> None:
        """Writes the TorchScript file, without a copy of it in memory; its archive has the file's name."""
        extra = {DESCRIPTION: _describe(self.roles, self.reason)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated; RATIONALE.md says why it is used
            torch.jit.save(self.script, str(path), _extra_files=extra)


def first_output(outputs: Any) -> Tensor:
    """The logits of a network that returns them alone or first in a tuple."""
    while not isinstance(outputs, Tensor):
        outputs = next(iter(outputs.values())) if isinstance(outputs, dict) else outputs[0]
    return outputs


def trace(module: nn.Module, inputs: Sequence[Tensor], logits: Callable[[Any], Tensor] = first_output) -> TracedGraph:
    """Traces a network in evaluation mode, with taps if it can be done and proves right.

    ``inputs`` are the network's arguments; the first dimension of each is the example, and its size stays free.
    """
    given = _resized(tuple(inputs), max(2, len(inputs[0])))
    try:
        layout = _taps.find_layout(module, given, _resized(given, len(given[0]) + 1))
        script = _trace(module, given, logits, layout)
        _verify(script, module, _resized(given, 2), logits, layout.roles)
        return TracedGraph(script, layout.roles, None)
    except NoRuleError as e:
        return TracedGraph(_trace(module, given, logits, None), None, str(e))


def _trace(
    module: nn.Module, inputs: tuple[Tensor, ...], logits: Callable[[Any], Tensor], layout: Layout | None
) -> torch.jit.ScriptModule:
    methods = {"forward": inputs}
    with _second_method(module, logits, layout), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that become constants: the check finds those that matter
        if layout is not None:
            methods["tapped"] = inputs
        make: Any = torch.jit.trace_module
        traced: torch.jit.ScriptModule = make(module, methods, strict=False, check_trace=False)
        return traced


@contextmanager
def _second_method(module: nn.Module, logits: Callable[[Any], Tensor], layout: Layout | None) -> Iterator[None]:
    """Gives the network the method ``tapped`` for a while; its class stays as it is for all others."""

    def tapped(self: nn.Module, *inputs: Tensor) -> tuple[Tensor, ...]:
        assert layout is not None
        taps: list[Tensor] = []
        with _taps.recording(self, layout, inputs[0], taps):
            output = logits(self(*inputs))
        return (output, *taps)

    kind = type(module)
    module.__class__ = type(kind.__name__, (kind,), {"tapped": tapped, "__module__": kind.__module__})
    try:
        yield
    finally:
        module.__class__ = kind


def _verify(
    script: torch.jit.ScriptModule,
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    logits: Callable[[Any], Tensor],
    roles: tuple[Role, ...],
) -> None:
    """Compares every example's gradient of every parameter with autograd's, for a random cotangent.

    Each example alone, since a sum over examples would not tell whether they were told apart.
    """
    unfused: Any = torch.jit.optimized_execution  # type: ignore[attr-defined]
    with unfused(False):  # a fused graph has no path from the logits to the taps
        tapped, *taps = script.tapped(*inputs)
    plain = logits(module(*inputs))
    if tapped.shape != plain.shape or not torch.allclose(tapped, plain, rtol=1e-3, atol=1e-4):
        raise NoRuleError("the logits of the traced network change when its layers are tapped")
    parameters = dict(module.named_parameters())
    wanted = [parameters[role.parameter] for role in roles]
    generator = torch.Generator().manual_seed(0)
    cotangents = torch.randn(plain.shape, generator=generator).to(plain)
    deltas = _gradients(tapped, taps[0::2], cotangents)
    for example in range(len(plain)):
        alone = torch.zeros_like(cotangents)
        alone[example] = cotangents[example]
        expected = _gradients(plain, wanted, alone)
        largest = max((float(g.norm()) for g in expected if g is not None), default=0.0)
        for role, parameter, right in zip(roles, wanted, expected):
            found = torch.zeros_like(parameter)
            for tap in role.taps:
                delta = deltas[tap]
                if delta is not None:
                    features = taps[2 * tap + 1].detach()[example]
                    found += _taps.contract(role, delta[example], features, parameter.shape)
            error = float((found - right).norm() if right is not None else found.norm())
            norm = 0.0 if right is None else float(right.norm())
            if not error <= TOLERANCE * norm + 1e-5 * largest:
                raise NoRuleError(
                    f"the gradient of parameter '{role.parameter}' does not follow from its layer's calls alone, or"
                    " examples are not kept apart"
                )


def _gradients(output: Tensor, of: list[Any], cotangents: Tensor) -> list[Tensor | None]:
    return list(torch.autograd.grad(output, of, cotangents, retain_graph=True, allow_unused=True))


def _resized(inputs: tuple[Tensor, ...], examples: int) -> tuple[Tensor, ...]:
    """The first examples, and from the first again if there are too few."""
    return tuple(x[torch.arange(examples, device=x.device) % len(x)] for x in inputs)


def _describe(roles: tuple[Role, ...] | None, reason: str | None) -> str:
    if roles is None:
        return json.dumps({"version": 1, "plain": reason})
    described = [{"name": r.parameter, "rule": r.rule, "taps": list(r.taps), "options": list(r.options)} for r in roles]
    return json.dumps({"version": 1, "parameters": described})
