"""What estimates of a sharded model cost: the tables of docs/scale.md, from the assumptions named here.

    python src/main/python/tools/scale_costs.py [--write]

Nothing is measured. The formulas of traffic are held to bytes counted in tests/test_parameter_shards.py; the tables in
the document to this file by tests/test_scale_costs.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "scale.md"


@dataclass(frozen=True)
class Model:
    """A decoder of the usual kind.

    Attributes:
        hidden: of the perceptron in each block, which has `matrices` of them: 3 if it is gated
        positions: whether those are learned
        biases: whether layers have biases, and norms, too
        tied: whether the head's weights are the embedding's
    """

    name: str
    layers: int
    width: int
    hidden: int
    vocabulary: int
    sequence: int
    matrices: int = 2
    positions: bool = True
    biases: bool = True
    tied: bool = False

    @property
    def block(self) -> int:
        """Scalars of one block: four matrices of the attention, the perceptron's, two norms."""
        weights = 4 * self.width**2 + self.matrices * self.width * self.hidden
        biases = 5 * self.width + (self.matrices - 1) * self.hidden if self.biases else 0
        return weights + biases + 2 * self.norm

    @property
    def norm(self) -> int:
        """Scalars of a norm."""
        return (1 + self.biases) * self.width

    @property
    def table(self) -> int:
        """Scalars of the embedding, or of the head."""
        return self.vocabulary * self.width

    @property
    def parameters(self) -> int:
        """All scalars."""
        learned = self.sequence * self.width if self.positions else 0
        return self.layers * self.block + (1 if self.tied else 2) * self.table + learned + self.norm

    @property
    def forward(self) -> float:
        """Operations of one sequence's forward pass: two for each weight and token, and the causal attention's."""
        weights = self.layers * (4 * self.width**2 + self.matrices * self.width * self.hidden) + self.table
        return 2.0 * weights * self.sequence + 2.0 * self.layers * self.sequence**2 * self.width


@dataclass(frozen=True)
class Layout:
    """How a model lies on devices: `tensor` ways within a layer, in `stages`, so many `replicas` of the whole.

    With `by_sequence` what is not sharded within a layer is computed for a part of the sequence on each device.
    """

    tensor: int
    stages: int
    replicas: int = 1
    by_sequence: bool = False

    @property
    def devices(self) -> int:
        """All of them."""
        return self.tensor * self.stages * self.replicas

    @property
    def ring(self) -> float:
        """What each device of a tensor-parallel group sends of an all-reduced number: twice of a gathered one."""
        return 2 * (self.tensor - 1) / self.tensor


# Numbers (not bytes) that each device sends for one sequence, or for so many tokens.


def tensor_sent(model: Model, layout: Layout, stage: int, backward: bool) -> float:
    """Within the layers of a stage, in the forward pass or in one backward pass: two all-reduces for each block.

    Beside the blocks the first stage reduces the embedding in the forward pass, the last one the head's input in the
    backward pass. By sequence each all-reduce is a gathering and a scattering, of which the ends have one each way.
    """
    first, last = stage == 0, stage == layout.stages - 1
    ends = (first + last) / 2 if layout.by_sequence else (last if backward else first)
    return (2 * (model.layers / layout.stages) + ends) * layout.ring * model.sequence * model.width


def pipeline_sent(model: Model, layout: Layout) -> float:
    """Over one boundary between stages, in the forward pass or in one backward pass."""
    return model.sequence * model.width / (layout.tensor if layout.by_sequence else 1)


def softmax_sent(model: Model, layout: Layout, passes: int) -> float:
    """On the last stage: largest logit and sum of exponentials, and a product with the signs for each pass."""
    return layout.ring * model.sequence * (2 + passes)


def tied_sent(model: Model, layout: Layout) -> float:
    """Between first and last stage, for each pass whose squares are wanted for each parameter."""
    return model.table / layout.tensor


def partial_sent(model: Model, layout: Layout, stage: int) -> float:
    """For each pass, by sequence only: gradients of what all devices of a group have, of which each has a part."""
    if not layout.by_sequence:
        return 0.0
    scalars = model.layers / layout.stages * (2 * model.norm + (2 * model.width if model.biases else 0))
    if stage == 0 and model.positions:
        scalars += model.sequence * model.width
    if stage == layout.stages - 1:
        scalars += model.norm
    return layout.ring * scalars


def scattered(numbers: int, devices: int) -> float:
    """What each device sends to gather numbers of which it has a share, or to sum and scatter as many."""
    return numbers * (devices - 1) / devices
