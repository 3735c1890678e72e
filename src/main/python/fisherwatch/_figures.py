"""What `fisherwatch.exact` returns, and how it is held against an agent's figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

ESTIMATES = ("lower", "fisher", "upper", "empirical")

#: The agent computes in float32: a standard error below this share of its figure is of rounding, nothing was drawn.
ROUNDING = 1e-6


@dataclass(frozen=True)
class CoreFigures:
    """Means over outputs of their core matrices, as in an agent's ``core``; Gaussians have no ``max_probability``."""

    trace: float
    top_eigenvalue: float
    max_probability: float | None
    entropy: float


@dataclass(frozen=True)
class LayerFigures:
    """The exact figures of a layer; of the whole model under the name ``_total``.

    All are of the mean over outputs (examples, or the unmasked positions of a token model), never the sum.

    Attributes:
        layer: its name.
        parameters, covered: scalar parameters in all, and those that take gradients from the logits.
        lower, fisher, upper: traces of the rank-one envelope, of F, and of the diagonal envelope.
        empirical: the trace of the matrix of the labels' gradients; None without labels.
        gap_lower, gap_upper: tr F - lower and upper - tr F, summed as squares, so never negative.
        effective_rank: tr(F)^2 / tr(F^2) of the layer's block; None where that is too large to be had exactly.
        top_eigenvalue: of the layer's block; None likewise.
    """

    layer: str
    parameters: int
    covered: int
    lower: float
    fisher: float
    upper: float
    empirical: float | None
    gap_lower: float
    gap_upper: float
    effective_rank: float | None
    top_eigenvalue: float | None


class Difference(NamedTuple):
    """An agent's trace against the exact one; ``z`` is in its standard errors, None where nothing was random."""

    layer: str
    estimate: str
    exact: float
    agent: float
    standard_error: float | None
    z: float | None


@dataclass(frozen=True)
class Exact:
    """F of a model on a batch, exactly.

    Attributes:
        examples, positions, classes, parameters: of the batch, of its unmasked outputs, of the logits, of the model.
        layers: figures by layer, ``_total`` first.
        core: means of the outputs' core matrices.
        aliases: further names of shared parameters, each with the name that stands for it.
        diagonal: ``"fisher/<parameter>"`` and so on for ``lower``, ``upper`` and, with labels, ``empirical``: a tensor
            of the parameter's shape; None unless it was asked for.
    """

    examples: int
    positions: int
    classes: int
    parameters: int
    layers: Mapping[str, LayerFigures]
    core: CoreFigures
    aliases: Mapping[str, str] = field(default_factory=dict)
    diagonal: Mapping[str, Tensor] | None = None

    def compare(self, figures: Any) -> list[Difference]:
        """Holds an agent's traces against these.

        They are of one thing only if the agent evaluated the same batch at the same weights: figures of `estimate`,
        or of a run whose `estimate.decay` is 0 and which saw one batch since its checkpoint.

        Args:
            figures: what `fisherwatch.figures` returns, or the JSON of `estimate` as a mapping.

        Returns:
            One entry for each layer and estimate that both have.

        Raises:
            ValueError: if a layer of theirs is not among these: the models or the layers' rules differ.
        """
        json: Mapping[str, Any] = getattr(figures, "json", figures)
        unknown = [entry["layer"] for entry in json["layers"] if entry["layer"] not in self.layers]
        if unknown:
            raise ValueError(f"layers {unknown} are the agent's only; here there are {list(self.layers)}")
        differences = []
        for entry in json["layers"]:
            for estimate in ESTIMATES:
                exact, theirs = getattr(self.layers[entry["layer"]], estimate), entry["trace"][estimate]
                if exact is None or theirs is None:
                    continue
                error = theirs["standardError"]
                random = error is not None and error > ROUNDING * abs(theirs["value"])
                z = (theirs["value"] - exact) / error if random else None
                differences.append(Difference(entry["layer"], estimate, exact, theirs["value"], error, z))
        return differences

    def __repr__(self) -> str:
        """A table, a layer a line."""
        width = max(len("layer"), *(len(name) for name in self.layers))
        outputs = "" if self.positions == self.examples else f", {self.positions:,} positions"
        lines = [
            f"Exact F, the mean over {self.examples:,} examples{outputs}; {self.classes:,} classes",
            f"{'layer':<{width}} {'parameters':>12} "
            + " ".join(f"{e:>11}" for e in ESTIMATES)
            + "    eff. rank  top eigenv.",
        ]
        for name, layer in self.layers.items():
            values = [
                layer.lower,
                layer.fisher,
                layer.upper,
                layer.empirical,
                layer.effective_rank,
                layer.top_eigenvalue,
            ]
            cells = " ".join(f"{'-' if v is None else format(v, '.5g'):>11}" for v in values)
            lines.append(f"{name:<{width}} {layer.parameters:>12,} {cells}")
        return "\n".join(lines)
