"""A model made ready to be exported, and left exactly as it was."""

from __future__ import annotations

import contextlib
import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def prepared(model: nn.Module, to_host: bool = True) -> Iterator[None]:
    """Evaluation mode, gradients on, autocast and compilers off, random states and warnings kept.

    Parameters in half precision or (`to_host`) on a device are replaced by float32 copies on the host meanwhile, so
    that the graph names no device; buffers by copies, since a forward pass may change them. Flags are set, not
    ``eval()`` called: what a model overrides there (merging adapters, say) must not happen.
    """
    with contextlib.ExitStack() as stack:
        devices = [p.device for p in model.parameters() if p.is_cuda]
        stack.enter_context(torch.random.fork_rng(sorted({d.index for d in devices if d.index is not None})))
        stack.callback(random.setstate, random.getstate())
        numpy: Any = sys.modules.get("numpy.random")  # a model draws from it only if it is there
        if numpy is not None:
            stack.callback(numpy.set_state, numpy.get_state())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(torch.enable_grad())
        for kind in {"cpu", *(device.type for device in devices)}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        stack.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(False)  # the fast path of transformers has no gradient
        if hasattr(torch.compiler, "set_stance"):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        copies: dict[int, Any] = {}
        for module in model.modules():
            stack.enter_context(_ready(module, to_host, copies))
        yield


@contextlib.contextmanager
def _ready(module: nn.Module, to_host: bool, copies: dict[int, Any]) -> Iterator[None]:
    if isinstance(module, torch.jit.ScriptModule):  # keeps what it has in the engine
        training, module.training = module.training, False
        try:
            yield
        finally:
            module.training = training
        return
    attributes = module.__dict__
    before = dict(attributes)
    attributes["training"] = False
    attributes["_parameters"] = type(module._parameters)(
        (name, _plain(parameter, to_host, copies)) for name, parameter in module._parameters.items()
    )
    attributes["_buffers"] = type(module._buffers)(
        (name, _copy(buffer, to_host, copies)) for name, buffer in module._buffers.items()
    )
    # Hooks of the backward pass cannot be traced, and none is run here. Those of the forward pass may be part of the
    # computation (weight_norm is one), so they stay.
    for hooks in ("_backward_hooks", "_backward_pre_hooks"):
        if before.get(hooks):
            attributes[hooks] = type(before[hooks])()
    if before.get("_compiled_call_impl") is not None:
        attributes["_compiled_call_impl"] = None
    if "_original_forward" in before:  # accelerate puts autocast around it
        attributes["forward"] = before["_original_forward"]
    touched = ("training", "_parameters", "_buffers", "_backward_hooks", "_backward_pre_hooks", "_compiled_call_impl")
    try:
        yield
    finally:
        for name in (*touched, "forward"):
            if name in before:
                attributes[name] = before[name]
            else:
                attributes.pop(name, None)


def _plain(parameter: nn.Parameter | None, to_host: bool, copies: dict[int, Any]) -> nn.Parameter | None:
    if parameter is None or (parameter.dtype not in _HALF and not (to_host and parameter.device.type != "cpu")):
        return parameter
    if id(parameter) not in copies:
        copies[id(parameter)] = nn.Parameter(_moved(parameter.detach(), to_host), parameter.requires_grad)
    return copies[id(parameter)]  # type: ignore[no-any-return]


def _copy(buffer: Tensor | None, to_host: bool, copies: dict[int, Any]) -> Tensor | None:
    if buffer is None:
        return None
    if id(buffer) not in copies:
        copies[id(buffer)] = _moved(buffer.detach(), to_host).clone()
    return copies[id(buffer)]  # type: ignore[no-any-return]


_HALF = (torch.float16, torch.bfloat16)


def _moved(tensor: Tensor, to_host: bool) -> Tensor:
    dtype = torch.float32 if tensor.dtype in _HALF else tensor.dtype
    return tensor.to(device="cpu" if to_host else tensor.device, dtype=dtype)
