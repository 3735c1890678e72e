"""Which module is to blame when a model cannot be exported: errors must name what to change."""

from __future__ import annotations

import inspect
import warnings
from typing import Any, Callable

import torch
from torch import nn
from torch.jit._trace import TracerWarning
from torch.nn.modules import module as hooks


def failing(model: nn.Module, run: Callable[[], Any]) -> str:
    """The innermost module at work when `run` fails; `run` is called once more for it."""
    names = {id(module): name for name, module in model.named_modules()}
    stack: list[nn.Module] = []

    def enter(module: nn.Module, _: Any) -> None:
        if id(module) in names:
            stack.append(module)

    def leave(module: nn.Module, _: Any, __: Any) -> None:
        if stack and stack[-1] is module:
            stack.pop()

    handles = [hooks.register_module_forward_pre_hook(enter), hooks.register_module_forward_hook(leave)]
    try:
        run()
    except Exception:  # the second time; the first is what is told
        return describe(model, stack[-1] if stack else model)
    finally:
        for handle in handles:
            handle.remove()
    return describe(model, model)


def warned(model: nn.Module, run: Callable[[], Any]) -> str | None:
    """The module of whose code the tracer warns when `run` traces: where a decision or a size becomes a constant."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    found = [w for w in caught if issubclass(w.category, TracerWarning)]
    for warning in found:
        for module in model.modules():
            if _contains(type(module).forward, warning.filename, warning.lineno):
                return f"{describe(model, module)} (line {warning.lineno} of {warning.filename})"
    return f"line {found[0].lineno} of {found[0].filename}" if found else None


def differing(model: nn.Module, run: Callable[[], Any]) -> str:
    """The first module whose output differs between two calls of `run`."""
    first, second = _outputs(model, run), _outputs(model, run)
    for (module, one), (_, other) in zip(first, second):
        if not torch.equal(one, other):
            return describe(model, module)
    return describe(model, model)


def _outputs(model: nn.Module, run: Callable[[], Any]) -> list[tuple[nn.Module, torch.Tensor]]:
    mine = {id(module) for module in model.modules()}
    outputs: list[tuple[nn.Module, torch.Tensor]] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if id(module) in mine and isinstance(output, torch.Tensor):
            outputs.append((module, output.detach().clone()))

    handle = hooks.register_module_forward_hook(note)
    try:
        run()
    finally:
        handle.remove()
    return outputs


def _contains(function: Any, filename: str, line: int) -> bool:
    try:
        if inspect.getsourcefile(function) != filename:
            return False
        lines, start = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return False
    return start <= line < start + len(lines)


def describe(model: nn.Module, module: nn.Module) -> str:
    """A module's name in the model, and its class."""
    name = next((name for name, other in model.named_modules() if other is module), "")
    return f"'{name}' ({type(module).__qualname__})" if name else f"the model itself ({type(module).__qualname__})"
