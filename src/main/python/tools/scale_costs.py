"""What estimates of a sharded model cost: the tables of docs/scale.md, from the assumptions named here.

    python src/main/python/tools/scale_costs.py [--write]

Nothing is measured. The formulas of traffic are held to bytes counted in tests/test_parameter_shards.py; the tables in
the document to this file by tests/test_scale_costs.py.
"""

from __future__ import annotations

import argparse
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


def leading_sent(model: Model, layout: Layout, steps: int) -> float:
    """On the last stage for the leading eigenpair: five sums over words, and two in each step of Newton's method."""
    return layout.ring * model.sequence * (5 + 2 * steps)


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


# Assumptions: a device like NVIDIA's H100 (SXM), by its data sheet, and what programs reach of it.
FLOPS = 989e12  # bfloat16, dense
REACHED = 0.4
MEMORY = 80e9
MEMORY_BANDWIDTH = 3.35e12
INNER = 450e9 * 0.7  # NVLink, each way, within eight devices
OUTER = 50e9 * 0.7  # the network, each way, of each device

# Bytes of a number: weights, activations and gradients; accumulators; figures.
HALF, SINGLE, DOUBLE = 2, 4, 8
TRAINING_STATE = 18  # bytes for each parameter with Adam in mixed precision: weights, gradients, master copy, moments
ACTIVATIONS = 34  # bytes for each token, width and block (Korthikanti et al. 2022: recomputed attention, by sequence)

PASSES = 3  # lower, the rest of F, the rest of the upper envelope: one random cotangent each
STEPS = 5  # of Newton's method; as many were needed at 32,000 words
EVERY = 10  # optimizer steps from one observed batch to the next


@dataclass(frozen=True)
class Job:
    """A training of `batch` sequences in an optimizer step; in an observation each replica looks at `observed`."""

    model: Model
    layout: Layout
    batch: int
    observed: int

    @property
    def held(self) -> float:
        """Parameters on each device."""
        return self.model.parameters / (self.layout.tensor * self.layout.stages)

    def stage(self, backward: bool) -> float:
        """Seconds of one sequence in one stage in the middle; a backward pass is twice the work."""
        work = self.model.forward * (2 if backward else 1) / (self.layout.tensor * self.layout.stages)
        sent = HALF * tensor_sent(self.model, self.layout, self.layout.stages // 2, backward)
        over = HALF * pipeline_sent(self.model, self.layout) if self.layout.stages > 1 else 0.0
        return work / (FLOPS * REACHED) + sent / INNER + over / OUTER

    @property
    def step(self) -> float:
        """Seconds of an optimizer step, the optimizer left out."""
        batches = self.batch / self.layout.replicas
        return (batches + self.layout.stages - 1) * (self.stage(False) + self.stage(True))

    def squared(self, diagonal: bool) -> float:
        """Seconds of one sequence's backward pass in a stage and of reading its gradient, adding its squares."""
        moved = self.held * (HALF + (2 * SINGLE if diagonal else 0))
        return self.stage(True) + moved / MEMORY_BANDWIDTH

    def observation(self, diagonal: bool) -> float:
        """Seconds of an observation: forward passes, then backward passes, each kind through the pipeline."""
        at_work = self.observed * (self.stage(False) + PASSES * self.squared(diagonal))
        return at_work + self.waiting(diagonal)

    def waiting(self, diagonal: bool) -> float:
        """Seconds of an observation in which a stage has nothing to do."""
        return (self.layout.stages - 1) * (self.stage(False) + self.squared(diagonal))

    @property
    def activations(self) -> float:
        """Bytes on each device for all sequences observed."""
        tokens = self.observed * self.model.sequence * self.model.width
        return ACTIVATIONS * tokens * self.model.layers / (self.layout.tensor * self.layout.stages)


SEVEN = Model("7B", 32, 4096, 11008, 32000, 4096, matrices=3, positions=False, biases=False)
TRILLION = Model("1T", 128, 25600, 102400, 51200, 2048, tied=True)
JOBS = (
    Job(SEVEN, Layout(8, 1, 8, by_sequence=True), 1024, 2),
    Job(TRILLION, Layout(8, 64, 6, by_sequence=True), 3072, 16),
)
SHARDED = (Job(SEVEN, Layout(1, 1, 64), 1024, 1), Job(TRILLION, Layout(1, 1, 3072), 3072, 1))


def size(count: float) -> str:
    """Bytes, in three digits."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5 or unit == "TB":
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError


def seconds(time: float) -> str:
    """In three digits."""
    return f"{time:.3g} s" if time >= 1 else f"{1000 * time:.3g} ms"


def percent(share: float) -> str:
    """In two digits."""
    return f"{100 * share:.2g} %"


def table(rows: list[tuple[str, list[str]]], head: tuple[Job, ...] = JOBS) -> str:
    """One column for each job."""
    lines = [f"| | {' | '.join(job.model.name for job in head)} |", "| --- |" + " --- |" * len(head)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def assumptions() -> str:
    """The jobs, and what is assumed of devices."""
    rows = [
        ("parameters", [f"{j.model.parameters:,}" for j in JOBS]),
        (
            "blocks × width, hidden, vocabulary",
            [f"{j.model.layers} × {j.model.width:,}, {j.model.hidden:,}, {j.model.vocabulary:,}" for j in JOBS],
        ),
        ("sequence; sequences in a step", [f"{j.model.sequence:,}; {j.batch:,}" for j in JOBS]),
        (
            "devices: tensor × stages × replicas",
            [f"{j.layout.tensor} × {j.layout.stages} × {j.layout.replicas} = {j.layout.devices:,}" for j in JOBS],
        ),
        ("parameters on a device", [f"{j.held:.3g}" for j in JOBS]),
        ("sequences observed, each replica; all", [f"{j.observed}; {j.observed * j.layout.replicas}" for j in JOBS]),
    ]
    device = (
        f"A device computes {FLOPS / 1e12:.0f} TFLOP/s, of which {percent(REACHED)} are reached, holds {size(MEMORY)} "
        f"at {size(MEMORY_BANDWIDTH)}/s, and sends {size(INNER)}/s to its {JOBS[0].layout.tensor} neighbours and "
        f"{size(OUTER)}/s over the network. Weights, activations and gradients have {HALF} bytes, accumulators "
        f"{SINGLE}, figures {DOUBLE}. An observation is {PASSES} backward passes over each sequence, every {EVERY} "
        "optimizer steps."
    )
    return f"{table(rows)}\n\n{device}"


def memory() -> str:
    """On each device."""
    rows = [
        ("what training holds, activations left out", [size(TRAINING_STATE * j.held) for j in JOBS]),
        ("activations of the sequences observed", [size(j.activations) for j in JOBS]),
        ("the largest gradient in flight", [size(HALF * largest(j)) for j in JOBS]),
        ("traces: sums by layer, each sequence", [size(DOUBLE * PASSES * modules(j.model)) for j in JOBS]),
        ("diagonal of a batch, for each matrix wanted", [size(SINGLE * j.held) for j in JOBS]),
        ("running diagonal: mean and scatter", [size(2 * SINGLE * j.held) for j in JOBS]),
        ("spectrum: each plain probe that is kept", [size(HALF * j.held) for j in JOBS]),
    ]
    return table(rows)


def largest(job: Job) -> float:
    """Numbers of the largest matrix's part."""
    return max(job.model.width * job.model.hidden, job.model.table) / job.layout.tensor


def modules(model: Model) -> int:
    """Layers that have figures of their own, and the total."""
    return model.layers * (6 + model.matrices) + 4 + model.positions - model.tied


def traffic() -> str:
    """Of each device, in one observation."""
    rows = []

    def row(name: str, numbers: list[float], width: int) -> None:
        rows.append((name, [size(width * n) if n else "–" for n in numbers]))

    middle = [(j, j.layout.stages // 2) for j in JOBS]
    row(
        "within layers, all-reduces",
        [
            j.observed * (tensor_sent(j.model, j.layout, s, False) + PASSES * tensor_sent(j.model, j.layout, s, True))
            for j, s in middle
        ],
        HALF,
    )
    row(
        "within layers, parts of gradients",
        [j.observed * PASSES * partial_sent(j.model, j.layout, s) for j, s in middle],
        HALF,
    )
    row(
        "between stages",
        [j.observed * (1 + PASSES) * pipeline_sent(j.model, j.layout) * (j.layout.stages > 1) for j in JOBS],
        HALF,
    )
    row("softmax, last stage", [j.observed * softmax_sent(j.model, j.layout, PASSES) for j in JOBS], SINGLE)
    row("leading eigenpair, last stage", [j.observed * leading_sent(j.model, j.layout, STEPS) for j in JOBS], SINGLE)
    tied = [j.observed * PASSES * j.model.tied for j in JOBS]
    row("tied weights, ends, traces", [t * pipeline_sent(j.model, j.layout) for t, j in zip(tied, JOBS)], HALF)
    row("tied weights, ends, diagonal", [t * tied_sent(j.model, j.layout) for t, j in zip(tied, JOBS)], HALF)
    row("figures, at the end", [2 * PASSES * j.observed * modules(j.model) for j in JOBS], DOUBLE)
    rows.append(("an agent elsewhere instead: its part of each checkpoint", [size(HALF * j.held) for j in JOBS]))
    return table(rows)


def time() -> str:
    """Of an observation beside that of a step."""
    rows = [
        ("optimizer step", [seconds(j.step) for j in JOBS]),
        ("observation, traces", [seconds(j.observation(False)) for j in JOBS]),
        ("observation, with a diagonal", [seconds(j.observation(True)) for j in JOBS]),
        (
            f"share of the training's time, every {EVERY} steps, with a diagonal",
            [percent(j.observation(True) / (EVERY * j.step)) for j in JOBS],
        ),
        (
            "of that, waiting for the pipeline to fill and drain",
            [percent(j.waiting(True) / j.observation(True)) if j.layout.stages > 1 else "–" for j in JOBS],
        ),
    ]
    return table(rows)


def fully_sharded() -> str:
    """ZeRO-3, FSDP: every device has the whole network in turn, and sequences of its own."""
    rows = [
        ("devices", [f"{j.layout.devices:,}" for j in SHARDED]),
        ("weights gathered, each sweep over the network", [size(HALF * gathered(j)) for j in SHARDED]),
        ("sweeps of an observation: forward, backward passes", [f"1 + {PASSES}" for _ in SHARDED]),
        ("time of the sweeps on the network", [seconds((1 + PASSES) * HALF * gathered(j) / OUTER) for j in SHARDED]),
        ("time of computing one sequence", [seconds(computing(j)) for j in SHARDED]),
        ("traces: sent beside that", [size(2 * DOUBLE * PASSES * modules(j.model)) for j in SHARDED]),
        ("diagonal: squares scattered, each micro-batch and matrix", [size(SINGLE * gathered(j)) for j in SHARDED]),
        ("memory: one block's weights and its gradient", [size(2 * HALF * j.model.block) for j in SHARDED]),
        ("memory: activations of one sequence", [size(j.activations) for j in SHARDED]),
        ("memory: running diagonal", [size(2 * SINGLE * j.model.parameters / j.layout.devices) for j in SHARDED]),
    ]
    return table(rows, SHARDED)


def gathered(job: Job) -> float:
    """Numbers that a device sends while all parameters are gathered."""
    return scattered(job.model.parameters, job.layout.devices)


def computing(job: Job) -> float:
    """Seconds of a sequence's forward pass and backward passes on one device."""
    return job.model.forward * (1 + 2 * PASSES) / (FLOPS * REACHED)


TABLES = {
    "assumptions": assumptions,
    "memory": memory,
    "traffic": traffic,
    "time": time,
    "fully sharded": fully_sharded,
}


def written(document: str) -> str:
    """The document with this script's tables between its markers."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = document.split(begin)
        document = f"{before}{begin}\n{make()}\n\n{end}{rest.split(end)[1]}"
    return document


def main() -> None:
    """Prints the tables, or writes them."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("--write", action="store_true", help="into docs/scale.md")
    if arguments.parse_args().write:
        DOCUMENT.write_text(written(DOCUMENT.read_text()))
    else:
        print("\n\n".join(make() for make in TABLES.values()))


if __name__ == "__main__":
    main()
