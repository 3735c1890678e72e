"""Writes the networks that the demo trains, traced classifiers of 8 x 8 digits: digits.pt, convolutional,
and tokens.pt, a tiny transformer for the trouble that needs an embedding.

    python src/main/python/tools/make_demo_graph.py [--check] [FOLDER]

Input `pixels`, float32 [N, 64], grey values divided by 16; output logits [N, 10]; N is free, and examples are tapped. The weights
are untrained and follow from a fixed seed. --check trains the written files as the demo does, with Adam
on batches of 64 for 200 steps at a step size of 0.01, and prints the accuracy on the rows held out: every
fifth (digits.pt 0.97 to 0.99, tokens.pt 0.76 to 0.80) and, harder, the last 297, which other people wrote
(0.90 to 0.94, and 0.71 to 0.74).
"""

import argparse
import gzip
import pathlib
import sys

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from fisherwatch._trace import trace  # noqa: E402

RESOURCES = pathlib.Path(__file__).resolve().parents[2] / "resources/io/fisherwatch/demo"
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


class Tokens(nn.Module):
    """Sixteen tokens, one for each 2 x 2 pixels at one of 17 grey levels, through one pre-norm block of a transformer.

    embedding, out and down are all that writes to the residual stream, which only layer norms read.
    """

    WIDTH = 16

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(16 * 17, self.WIDTH)
        self.norm_attention = nn.LayerNorm(self.WIDTH)
        self.qkv = nn.Linear(self.WIDTH, 3 * self.WIDTH)
        self.out = nn.Linear(self.WIDTH, self.WIDTH)
        self.norm_feed = nn.LayerNorm(self.WIDTH)
        self.up = nn.Linear(self.WIDTH, 2 * self.WIDTH)
        self.down = nn.Linear(2 * self.WIDTH, self.WIDTH)
        self.norm = nn.LayerNorm(self.WIDTH)
        self.head = nn.Linear(self.WIDTH, 10)

    def forward(self, pixels):
        grey = (pixels.reshape(-1, 4, 2, 4, 2).mean((2, 4)).flatten(1) * 16).round().long()
        x = self.embedding(grey + 17 * torch.arange(16))
        q, k, v = self.qkv(self.norm_attention(x)).chunk(3, -1)
        x = x + self.out(torch.softmax(q @ k.transpose(-1, -2) / self.WIDTH**0.5, -1) @ v)
        x = x + self.down(nn.functional.gelu(self.up(self.norm_feed(x))))
        return self.head(self.norm(x).mean(1))


def write(network, path):
    torch.manual_seed(SEED)
    model = network().eval()
    traced = trace(model, (torch.rand(3, 64),))
    assert traced.path == "tapped", traced.reason
    traced.save(path)


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
            print(f"{path.name}, held out: {name}; seed {seed}: accuracy {accuracy:.4f}")
    model = torch.jit.load(str(path))
    print(path.name, sum(p.numel() for p in model.parameters()), "parameters,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("folder", nargs="?", type=pathlib.Path, default=RESOURCES)
    arguments.add_argument("--check", action="store_true", help="train the files and print their accuracy")
    parsed = arguments.parse_args()
    for name, network in (("digits.pt", Digits), ("tokens.pt", Tokens)):
        write(network, parsed.folder / name)
        if parsed.check:
            check(parsed.folder / name)
