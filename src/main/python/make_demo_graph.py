"""Writes the network that the demo trains: digits.pt, a traced classifier of 8 x 8 digits.

    python src/main/python/make_demo_graph.py [--check] [OUTPUT]

Input `pixels`, float32 [N, 64], grey values divided by 16; output logits [N, 10]; N is free. The weights
are untrained and follow from a fixed seed. --check trains the written file as the demo does, with Adam
on batches of 64 for 200 steps at a step size of 0.01, and prints the accuracy on the rows held out
(every fifth, 0.97 to 0.99; and, harder, the last 297, which other people wrote, 0.90 to 0.94).
"""

import argparse
import gzip
import pathlib

import numpy as np
import torch
from torch import nn

RESOURCES = pathlib.Path(__file__).resolve().parents[1] / "resources/io/fisherwatch/demo"
SEED, STEPS, BATCH, RATE = 1, 200, 64, 0.01


class Digits(nn.Module):
    """Two convolutions and two dense layers: few enough parameters to watch every one of them."""

    def __init__(self):
        super().__init__()
        self.strokes = nn.Conv2d(1, 12, 3, padding=1)
        self.shapes = nn.Conv2d(12, 24, 3, padding=1, stride=2)
        self.hidden = nn.Linear(24 * 4 * 4, 32)
        self.head = nn.Linear(32, 10)
        for layer in (self.strokes, self.shapes, self.hidden):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, pixels):
        x = (pixels - 0.3) * 2.6  # about mean 0 and variance 1 over the pixels of all digits
        x = torch.relu(self.strokes(x.reshape(-1, 1, 8, 8)))
        x = torch.relu(self.shapes(x))
        x = torch.relu(self.hidden(x.flatten(1)))
        return self.head(x)


def write(path):
    torch.manual_seed(SEED)
    model = Digits().eval()
    torch.jit.trace(model, torch.zeros(3, 64)).save(str(path))


def load_rows():
    with gzip.open(RESOURCES / "digits.csv.gz") as file:
        rows = np.loadtxt(file, delimiter=",")
    return torch.tensor(rows[:, :64] / 16, dtype=torch.float32), torch.tensor(rows[:, 64], dtype=torch.int64)


def train_and_test(path, held_out, seed):
    pixels, labels = load_rows()
    train = torch.nonzero(~held_out).flatten()
    model = torch.jit.load(str(path))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        rows = train[torch.randint(len(train), (BATCH,), generator=generator)]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(pixels[rows]), labels[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(pixels[held_out]).argmax(1) == labels[held_out]).double().mean().item(), model


def check(path):
    index = torch.arange(1797)
    for name, held_out in (("every fifth", index % 5 == 4), ("the last 297", index >= 1500)):
        for seed in range(4):
            accuracy, _ = train_and_test(path, held_out, seed)
            print(f"held out: {name}; seed {seed}: accuracy {accuracy:.4f}")
    model = torch.jit.load(str(path))
    print(sum(p.numel() for p in model.parameters()), "parameters,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("output", nargs="?", type=pathlib.Path, default=RESOURCES / "digits.pt")
    arguments.add_argument("--check", action="store_true", help="train the file and print its accuracy")
    parsed = arguments.parse_args()
    write(parsed.output)
    if parsed.check:
        check(parsed.output)
