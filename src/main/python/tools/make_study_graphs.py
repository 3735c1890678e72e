"""Makes the graphs of the study (docs/study.md): src/main/resources/io/fisherwatch/cli/study/*.pt, all untrained.

digits-C.pt is a perceptron 64-40-C; tokens.pt reads the same pixels as 64 tokens of 17 grey levels through an embedding
and two layers of a small transformer, for ten classes.

    python3 src/main/python/tools/make_study_graphs.py
"""

import pathlib
import sys

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from fisherwatch._trace import trace  # noqa: E402

TARGET = pathlib.Path(__file__).resolve().parents[2] / "resources/io/fisherwatch/cli/study"
WIDTH = 32


class Perceptron(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.hidden = nn.Linear(64, 40)
        self.head = nn.Linear(40, classes)

    def forward(self, pixels):
        return self.head(torch.tanh(self.hidden(pixels)))


class Block(nn.Module):
    """Pre-norm attention with two heads, then a feed-forward layer."""

    def __init__(self):
        super().__init__()
        self.norm_attention = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm_feed = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 2 * WIDTH)
        self.down = nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x):
        examples, tokens = x.size(0), x.size(1)
        q, k, v = self.qkv(self.norm_attention(x)).view(examples, tokens, 3, 2, WIDTH // 2).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) / (WIDTH // 2) ** 0.5, -1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(examples, tokens, WIDTH))
        return x + self.down(torch.nn.functional.gelu(self.up(self.norm_feed(x))))


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(17, WIDTH)
        self.position = nn.Parameter(0.02 * torch.randn(64, WIDTH))
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, pixels):
        x = self.embedding((pixels * 16).round().long()) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    models = {f"digits-{classes}": lambda classes=classes: Perceptron(classes) for classes in (2, 4, 10, 1000)}
    models["tokens"] = Tokens
    for name, make in models.items():
        torch.manual_seed(7)
        model = make().eval()
        path = TARGET / f"{name}.pt"
        traced = trace(model, (torch.rand(3, 64),))
        traced.save(path)
        print(f"{path.name}: {traced.path}, {sum(p.numel() for p in model.parameters())} parameters, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
