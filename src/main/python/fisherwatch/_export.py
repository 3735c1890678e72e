"""The model as a graph that the agent can load, checked against the model itself."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import Tensor, nn

from . import _locate
from ._batch import Batch, Call, as_published
from ._errors import ExportError
from ._logits import select
from ._options import LogitsPick
from ._prepare import prepared
from ._trace import trace

log = logging.getLogger("fisherwatch")
WAY_OUT = (
    "Wrap the model in a module whose forward takes tensors and does without that, and watch the wrapper; pick its "
    "output with logits=…; or give example_inputs of the shape that training uses"
)


@dataclass(frozen=True)
class Graph:
    """An exported model.

    Attributes:
        save: writes the TorchScript file to a path
        call: the inputs in the graph's order
        logits: which output holds the logits, as a checkpoint event says it
        names: of the parameters and buffers that the graph knows
        lengths: the dimensions of each input behind the first, if the graph holds for these only
        how: traced or scripted, and on which path
    """

    save: Callable[[str], Any]
    call: Call
    logits: dict[str, Any]
    names: frozenset[str]
    lengths: dict[str, tuple[int, ...]] | None
    how: str


class Exported(nn.Module):
    """What is traced: the model's own submodules and parameters under their own names, one tensor out."""

    def __init__(self, model: nn.Module, call: Call, pick: LogitsPick) -> None:
        """Shares everything with `model`."""
        super().__init__()
        self._model: Any
        self._call: Call
        self._pick: LogitsPick
        self.__dict__.update(_model=model, _call=call, _pick=pick)  # unseen by named_modules, which gives the names
        if not isinstance(model, torch.jit.ScriptModule):
            self._modules, self._parameters, self._buffers = model._modules, model._parameters, model._buffers
        self.training = model.training

    def forward(self, *inputs: Tensor) -> Tensor:
        """The logits."""
        return select(self._call.output(self._model, inputs), self._pick)


def export_graph(model: nn.Module, batch: Batch, pick: LogitsPick = None, how: str = "auto") -> Graph:
    """Exports a model, which stays exactly as it is.

    Args:
        model: unwrapped, not sharded
        batch: on which it is traced and checked
        pick: the logits among its outputs
        how: trace, script, or auto, which scripts what cannot be traced faithfully
    Raises:
        ExportError: neither works; the message names the module and the way out
    """
    # Two examples at least: one alone could be broadcast, and a size of one become a constant unseen.
    inputs = tuple(t[:8] if len(t) > 1 else torch.cat([t, t]) for t in as_published(_detached(batch)).values())
    inputs = inputs[: len(batch.call.names)]
    on_device = any(p.device.type != "cpu" for p in model.parameters())
    if on_device:
        try:
            return _attempt(model, batch.call, tuple(t.cpu() for t in inputs), pick, how, True)
        except ExportError as e:
            log.warning("the graph cannot be exported on the host (%s); it will be bound to the training device", e)
    return _attempt(model, batch.call, inputs, pick, how, not on_device)


def _attempt(
    model: nn.Module, call: Call, inputs: tuple[Tensor, ...], pick: LogitsPick, how: str, to_host: bool
) -> Graph:
    with prepared(model, to_host):
        exported = Exported(model, call, pick)
        wanted = _reference(exported, model, inputs)
        if isinstance(model, torch.jit.ScriptModule):
            return _checked(model, "scripted", model.save, exported, call, inputs, wanted, pick)
        if how == "script":
            return _script(model, exported, call, inputs, wanted, pick)
        try:
            return _trace(model, exported, call, inputs, wanted)
        except ExportError as traced:
            if how == "trace":
                raise
            try:
                return _script(model, exported, call, inputs, wanted, pick)
            except ExportError as scripted:
                raise ExportError(f"{traced}. Nor can it be scripted: {scripted}. {WAY_OUT}") from scripted


def _reference(exported: Exported, model: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    def run() -> Tensor:
        return exported(*inputs)  # type: ignore[no-any-return]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first, second = run().detach(), run().detach()
    except ExportError:
        raise
    except Exception as e:
        where = _locate.failing(model, run)
        raise ExportError(f"the model fails on this batch in evaluation mode, in {where}: {e}") from e
    if not torch.equal(first, second) and not torch.allclose(first, second, rtol=1e-4, atol=1e-5):
        raise ExportError(
            f"the model is random in evaluation mode: {_locate.differing(model, run)} gives another output when called "
            "again. Dropout and noise should hang on self.training"
        )
    if first.shape[0] != inputs[0].shape[0]:
        raise ExportError(
            f"the logits have the shape {tuple(first.shape)} for {inputs[0].shape[0]} examples; the first dimension "
            "should be the example"
        )
    return first


def _trace(model: nn.Module, exported: Exported, call: Call, inputs: tuple[Tensor, ...], wanted: Tensor) -> Graph:
    def plain() -> Any:
        return torch.jit.trace(exported, inputs, check_trace=False)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = trace(exported, inputs)
    except Exception as e:  # whatever the model's own code raises
        where = _blame(model, plain)
        raise ExportError(f"{where} cannot be traced: {type(e).__name__}: {_first_line(e)}") from e
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            how = f"traced, {traced.path}"
            return _checked(traced.script, how, traced.save, exported, call, inputs, wanted, None)
    except ExportError as e:
        blame = _locate.warned(model, plain)
        hint = f", probably by {blame}, where tracing made a constant of what depends on the batch" if blame else ""
        raise ExportError(f"{e}{hint}") from e


def _blame(model: nn.Module, plain: Callable[[], Any]) -> str:
    try:
        return _locate.warned(model, plain) or _locate.describe(model, model)
    except Exception:  # it cannot even be traced
        return _locate.failing(model, plain)


def _script(
    model: nn.Module, exported: Exported, call: Call, inputs: tuple[Tensor, ...], wanted: Tensor, pick: LogitsPick
) -> Graph:
    if callable(pick):
        raise ExportError("a function that picks the logits cannot be part of a script; pick by index or key")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scripted = torch.jit.script(model)
    except Exception as e:  # TorchScript's compiler raises what it likes
        raise ExportError(f"{_unscriptable(model)}: {_first_line(e)}") from e
    return _checked(scripted, "scripted", scripted.save, exported, call, inputs, wanted, pick)


def _checked(
    graph: torch.jit.ScriptModule,
    how: str,
    save: Callable[[str], Any],
    exported: Exported,
    call: Call,
    inputs: tuple[Tensor, ...],
    wanted: Tensor,
    pick: LogitsPick,
) -> Graph:
    """The graph, if it gives what the model gives: for the batch, for fewer examples and, if it can, other lengths."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        selector = _selector(graph(*inputs), pick)
        _compare("for the batch", graph, selector, inputs, wanted)
        fewer = tuple(t[:-1] for t in inputs)
        _compare("for another number of examples", graph, selector, fewer, exported(*fewer).detach())
        known = {name for name, _ in [*graph.named_parameters(), *graph.named_buffers()]}
        missing = {name for name, _ in exported.named_parameters()} - known
        if missing:
            raise ExportError(f"the graph lacks the parameters {', '.join(sorted(missing))}")
        lengths = None if _any_length(graph, selector, exported, inputs) else _lengths(call, inputs)
    return Graph(save, call, selector, frozenset(known), lengths, how)


def _compare(
    when: str, graph: torch.jit.ScriptModule, selector: dict[str, Any], inputs: tuple[Tensor, ...], wanted: Tensor
) -> None:
    try:
        found = _selected(graph(*inputs), selector).detach()
        scale = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4 * scale, equal_nan=True)
    except Exception as e:
        raise ExportError(f"the graph does not do what the model does {when}: {_first_line(e)}") from e


def _any_length(
    graph: torch.jit.ScriptModule, selector: dict[str, Any], exported: Exported, inputs: tuple[Tensor, ...]
) -> bool:
    """Whether sequences may have other lengths: tried where inputs are [N, T] of whole numbers."""
    tokens = {t.shape[1] for t in inputs if t.dim() == 2 and not t.is_floating_point()}
    if len(tokens) != 1 or max(tokens) < 2:
        return True
    length = tokens.pop()
    shorter = tuple(t[:, :-1] if t.dim() >= 2 and t.shape[1] == length else t for t in inputs)
    try:
        _compare("for another length", graph, selector, shorter, exported(*shorter).detach())
    except Exception:  # the model's own refusal counts as well: then no other length ever comes
        return False
    return True


def _selector(output: Any, pick: LogitsPick) -> dict[str, Any]:
    if isinstance(output, dict):
        if isinstance(pick, str):
            return {"key": pick}
        return {"key": "logits" if "logits" in output or len(output) != 1 else next(iter(output))}
    return {"index": pick if isinstance(pick, int) else 0}


def _selected(output: Any, selector: dict[str, Any]) -> Tensor:
    if "key" in selector:
        return output[selector["key"]]  # type: ignore[no-any-return]
    return output if isinstance(output, Tensor) else output[selector["index"]]


def _unscriptable(model: nn.Module) -> str:
    """The innermost module that cannot be scripted by itself."""
    for module in reversed(list(model.modules())):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.jit.script(module)
        except Exception:  # whatever it is, this is the module
            return _locate.describe(model, module)
    return _locate.describe(model, model)


def _detached(batch: Batch) -> dict[str, Tensor]:
    return {name: batch.tensors[name].detach() for name in batch.call.names}


def _lengths(call: Call, inputs: tuple[Tensor, ...]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(t.shape[1:]) for name, t in zip(call.names, inputs)}


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:3])[:300] if lines else type(error).__name__
