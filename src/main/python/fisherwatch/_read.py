"""Reading an agent's figures back into a training script: runs, figures, histories, diagonals."""

from __future__ import annotations

import os
import tempfile
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ._history import History
from ._http import DEFAULT_AGENT, AgentClient, AgentError
from ._model import unwrap
from ._parameters import distinct

#: Room for a diagonal's header: what the format allows.
_HEADER = 100_000_008


class Estimate(NamedTuple):
    """A figure; standard error and 95 % interval are None while they are undefined."""

    value: float
    standard_error: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class LayerEstimates:
    """An agent's running figures of a layer, of the mean over examples; None where it has none.

    Attributes:
        layer: its name; ``_total`` is the whole model.
        parameters, covered: scalar parameters in all, and those with a gradient.
        trace: by ``lower``, ``fisher``, ``upper``, ``empirical``.
        gap: by ``lower`` (tr F - lower) and ``upper`` (upper - tr F).
        effective_rank, top_eigenvalue: of the latest batch's F.
    """

    layer: str
    parameters: int
    covered: int
    trace: Mapping[str, Estimate | None]
    gap: Mapping[str, Estimate | None]
    effective_rank: Estimate | None
    top_eigenvalue: Estimate | None


@dataclass(frozen=True)
class RunFigures:
    """A run as it stands.

    Attributes:
        run, attempt, step, ended: which run, its attempt, its latest checkpoint's step, and whether it is over.
        batch_step: the step of the latest batch.
        durable_step: checkpoints of earlier steps are no longer needed; None before the first snapshot.
        examples, classes, parameters: how many figures are made of, of how many classes, for how many parameters.
        layers: by name, ``_total`` first.
        json: all that the agent said, as docs/http.md has it.
    """

    run: str
    attempt: int
    step: int
    ended: bool
    batch_step: int
    durable_step: int | None
    examples: int
    classes: int
    parameters: int
    layers: Mapping[str, LayerEstimates]
    json: Mapping[str, Any]


def runs(
    *,
    agent: str = DEFAULT_AGENT,
    timeout: float = 10.0,
    token: str | None = None,
    ca: str | os.PathLike[str] | None = None,
) -> list[str]:
    """The names of the runs that an agent knows; `token` and `ca` as for :func:`diagonal`.

    Raises:
        AgentUnreachableError: if none answers at the address.
    """
    return [entry["run"] for entry in AgentClient(agent, timeout, token, ca).json("/api/runs")]


def figures(
    run: str,
    *,
    agent: str = DEFAULT_AGENT,
    timeout: float = 10.0,
    token: str | None = None,
    ca: str | os.PathLike[str] | None = None,
) -> RunFigures:
    """A run's current figures; `token` and `ca` as for :func:`diagonal`.

    Raises:
        UnknownRunError: if the agent knows no such run; the message lists those it knows.
        AgentUnreachableError: if none answers at the address.
    """
    json = AgentClient(agent, timeout, token, ca).run_json(run)
    return RunFigures(
        run=json["run"],
        attempt=json["attempt"],
        step=json["step"],
        ended=json["ended"],
        batch_step=json["batchStep"],
        durable_step=json["durableStep"],
        examples=json["examples"],
        classes=json["classes"],
        parameters=json["parameters"],
        layers={entry["layer"]: _layer(entry) for entry in json["layers"]},
        json=json,
    )


def history(
    run: str,
    *,
    layers: Sequence[str] = (),
    points: int | None = None,
    agent: str = DEFAULT_AGENT,
    timeout: float = 10.0,
    token: str | None = None,
    ca: str | os.PathLike[str] | None = None,
) -> History:
    """Traces, standard errors and gaps of a run over its steps.

    Args:
        run: its name.
        layers: of these layers only; of all if empty.
        points: at most so many steps (2 or more), evenly, the first and the latest among them; all if None.
        agent: the agent's address.
        timeout: seconds to wait for the agent.
        token: the bearer token of an agent with ``web.auth``; by default the variable FISHERWATCH_TOKEN.
        ca: a file of PEM certificates, one of which signed that of an agent with ``web.tls``.

    Raises:
        UnknownRunError: if the agent knows no such run; the message lists those it knows.
        AgentUnreachableError: if none answers at the address.
    """
    query = [("layer", layer) for layer in layers] + ([("points", str(points))] if points is not None else [])
    path = "/history" + ("?" + urllib.parse.urlencode(query) if query else "")
    return History.of(AgentClient(agent, timeout, token, ca).run_json(run, path))


def diagonal(
    run: str,
    *,
    estimate: str = "fisher",
    model: nn.Module | None = None,
    agent: str = DEFAULT_AGENT,
    timeout: float = 60.0,
    token: str | None = None,
    ca: str | os.PathLike[str] | None = None,
) -> dict[str, Tensor]:
    """A run's running diagonal of F, the mean over examples, as float32 tensors of the parameters' shapes.

    Args:
        run: its name.
        estimate: ``fisher``, or ``standard-error`` for its entries' standard errors, which need two batches.
        model: the model that the run trains. With it names and shapes are checked, tensors lie on its parameters'
            devices, and every name of a shared parameter has an entry (the same tensor).
        agent: the agent's address.
        timeout: seconds to wait for each piece of the answer.
        token: the bearer token of an agent with ``web.auth``; by default the variable FISHERWATCH_TOKEN.
        ca: a file of PEM certificates, one of which signed that of an agent with ``web.tls``.

    Returns:
        A tensor for each parameter that takes gradients, named as in ``model.state_dict()``. Entries of parameters
        that no gradient reached are 0.

    Raises:
        UnknownRunError: if the agent knows no such run; the message lists those it knows.
        AgentUnreachableError: if none answers at the address, or it breaks off.
        AgentError: if it keeps no diagonal of this run, or its answer is no safetensors file.
        ValueError: if it has no such estimate, or does not fit the model.
    """
    client = AgentClient(agent, timeout, token, ca)
    most = _HEADER + 4 * len(("fisher", "standard-error")) * client.run_json(run)["parameters"]
    with tempfile.TemporaryDirectory(prefix="fisherwatch-") as folder:
        file = Path(folder) / "diagonal.safetensors"
        with file.open("wb") as out:
            client.download(run, "/diagonal.safetensors", out, most)
        found = _tensors(file, estimate, run)
    return found if model is None else _fitted(found, unwrap(model), run)


def _tensors(file: Path, estimate: str, run: str) -> dict[str, Tensor]:
    prefix = estimate + "/"
    try:
        with safe_open(file, framework="pt") as tensors:
            names = list(tensors.keys())
            # Copied, so that the file may go: what is loaded is a map of it.
            found = {n[len(prefix) :]: tensors.get_tensor(n).clone() for n in names if n.startswith(prefix)}
    except SafetensorError as e:
        raise AgentError(f"the diagonal of run {run!r} is no whole safetensors file ({e})") from e
    if not found:
        there = sorted({name.partition("/")[0] for name in names})
        raise ValueError(f"the agent serves no diagonal of {estimate!r}, but of {', '.join(there) or 'nothing'}")
    return found


def _fitted(found: Mapping[str, Tensor], model: nn.Module, run: str) -> dict[str, Tensor]:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    unknown = [name for name in found if name not in parameters]
    if unknown:
        raise ValueError(f"run {run!r} is of another model: this one has no parameter {unknown[0]!r}")
    fitted = {}
    for names in distinct(model).values():
        entry = next((found[name] for name in names if name in found), None)
        parameter = parameters[names[0]]
        if entry is None:
            if parameter.requires_grad:
                raise ValueError(f"run {run!r} watches no parameter {names[0]!r}, which takes gradients in this model")
            continue
        if entry.shape != parameter.shape:
            shapes = f"{list(entry.shape)} in run {run!r} and {list(parameter.shape)} in this model"
            raise ValueError(f"{names[0]!r} is {shapes}")
        fitted.update(dict.fromkeys(names, entry.to(parameter.device)))
    return fitted


def _layer(json: Mapping[str, Any]) -> LayerEstimates:
    return LayerEstimates(
        layer=json["layer"],
        parameters=json["parameters"],
        covered=json["covered"],
        trace={name: _estimate(figure) for name, figure in json["trace"].items()},
        gap={name: _estimate(figure) for name, figure in json["gap"].items()},
        effective_rank=_estimate(json["effectiveRank"]),
        top_eigenvalue=_estimate(json["topEigenvalue"]),
    )


def _estimate(json: Mapping[str, Any] | None) -> Estimate | None:
    if json is None:
        return None
    interval = json["interval"]
    return Estimate(json["value"], json["standardError"], interval and (interval[0], interval[1]))
