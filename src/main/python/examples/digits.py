"""What the examples share: handwritten digits, the demo's network, training, and where a diagonal comes from."""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, where it is not installed
import fisherwatch  # noqa: E402

torch.set_num_threads(1)  # the network is too small for more

DATA = Path(__file__).resolve().parents[2] / "resources/io/fisherwatch/demo/digits.csv.gz"


class Digits(nn.Module):
    """The network of ``java -jar fisherwatch.jar demo``: two convolutions, two dense layers, 15,386 parameters."""

    def __init__(self) -> None:
        """Untrained weights from torch's generator."""
        super().__init__()
        self.strokes = nn.Conv2d(1, 12, 3, padding=1)
        self.shapes = nn.Conv2d(12, 24, 3, padding=1, stride=2)
        self.hidden = nn.Linear(24 * 4 * 4, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, 10] of pixels [N, 64]."""
        x = (pixels - 0.3) * 2.6
        x = torch.relu(self.strokes(x.reshape(-1, 1, 8, 8)))
        x = torch.relu(self.shapes(x)).flatten(1)
        return self.head(torch.relu(self.hidden(x)))


def load() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels [N, 64] and labels [N] to train on, then those to test on: every fifth, as in the demo."""
    with gzip.open(DATA, "rt") as lines:
        rows = torch.tensor([[float(value) for value in line.split(",")] for line in lines])
    test = torch.arange(len(rows)) % 5 == 4
    pixels, labels = rows[:, :64] / 16, rows[:, 64].long()
    return pixels[~test], labels[~test], pixels[test], labels[test]


def train(
    model: nn.Module,
    pixels: Tensor,
    labels: Tensor,
    steps: int,
    rate: float = 0.003,
    penalty: Callable[[], Tensor] | None = None,
) -> None:
    """Adam on batches of 64; `penalty`, a function of nothing, is added to the loss."""
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        chosen = torch.randint(len(pixels), (64,))
        loss = nn.functional.cross_entropy(model(pixels[chosen]), labels[chosen])
        optimizer.zero_grad()
        (loss if penalty is None else loss + penalty()).backward()
        optimizer.step()


@torch.no_grad()
def accuracy(model: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """The share that is classified rightly."""
    return float((model(pixels).argmax(1) == labels).float().mean())


def arguments(description: str) -> argparse.Namespace:
    """The options of an example."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--run", action="append", default=[], help="take the diagonal of this run from an agent")
    parser.add_argument(
        "--weights", action="append", default=[], help="with --run: that run's checkpoint (safetensors)"
    )
    parser.add_argument("--agent", default="http://127.0.0.1:8088", help="the agent's address")
    parser.add_argument("--examples", type=int, default=300, help="without --run: examples for fisherwatch.exact")
    parser.add_argument("--seed", type=int, default=1)
    parsed = parser.parse_args()
    if len(parsed.run) != len(parsed.weights):
        parser.error("--run and --weights go together: a diagonal means something at the weights it is of")
    torch.manual_seed(parsed.seed)
    return parsed


def trained(options: argparse.Namespace, pixels: Tensor, labels: Tensor, steps: int, place: int = 0) -> Digits:
    """A network trained here, or the one that the run's checkpoint holds."""
    model = Digits()
    if options.weights:
        model.load_state_dict(load_file(options.weights[place]))
    else:
        train(model, pixels, labels, steps)
    return model


def fisher(model: nn.Module, options: argparse.Namespace, pixels: Tensor, place: int = 0) -> dict[str, Tensor]:
    """The diagonal of F by parameter: the agent's for the run, else the exact one on some of the examples."""
    if options.run:
        return fisherwatch.diagonal(options.run[place], agent=options.agent, model=model)
    exact = fisherwatch.exact(model, pixels[: options.examples], diagonal=True)
    return {name: exact.diagonal[f"fisher/{name}"].float() for name, _ in model.named_parameters()}
