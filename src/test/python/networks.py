"""The networks of make_models.py: each has one thing about it that an estimator may get wrong."""

import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self, features, width, classes, bias=True):
        super().__init__()
        self.hidden = nn.Linear(features, width)
        self.head = nn.Linear(width, classes, bias=bias)

    def forward(self, x):
        return self.head(torch.tanh(self.hidden(x)))


class ConvBatchNorm(nn.Module):
    """Running statistics are buffers: they take no gradients but must come with the weights."""

    def __init__(self, classes):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 2 * 2, classes)

    def forward(self, image):
        x = torch.relu(self.norm(self.conv(image)))
        return self.head(nn.functional.avg_pool2d(x, 2).flatten(1))


class Attention(nn.Module):
    """One head, written out."""

    def __init__(self, width):
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x, mask):
        scores = self.query(x) @ self.key(x).transpose(1, 2) * x.shape[-1] ** -0.5
        scores = scores.masked_fill((mask == 0).unsqueeze(1), -1e9)
        return torch.softmax(scores, -1) @ self.value(x)


class TransformerTuple(nn.Module):
    """Integer inputs, a mask among them; the logits come second. The keys' bias has no influence."""

    def __init__(self, words, width, positions, classes):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.position = nn.Parameter(torch.randn(positions, width))
        self.attention = Attention(width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, input_ids, attention_mask):
        x = self.embed(input_ids) + self.position
        x = self.norm(x + self.attention(x, attention_mask))
        weight = attention_mask.unsqueeze(2).to(x.dtype)
        pooled = (x * weight).sum(1) / weight.sum(1)
        return x, self.head(pooled)


class Positions(nn.Module):
    """A transformer block with embedded positions, which are the same for every example, and padded words."""

    def __init__(self, words, width, positions, classes, pool=True):
        super().__init__()
        self.pool = pool
        self.embed = nn.Embedding(words, width, padding_idx=0)
        self.position = nn.Embedding(positions, width)
        self.attention = Attention(width)
        self.norm = nn.LayerNorm(width)
        self.feed = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, input_ids, attention_mask=None):
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        x = self.embed(input_ids) + self.position(torch.arange(input_ids.shape[1], device=input_ids.device))
        x = self.norm(x + self.attention(x, mask))
        x = x + torch.relu(self.feed(x))
        if not self.pool:
            return self.head(x)
        weight = mask.unsqueeze(2).to(x.dtype)
        return self.head((x * weight).sum(1) / weight.sum(1))


class Strided(nn.Module):
    """Convolutions with every option, in two dimensions and in one."""

    def __init__(self, classes):
        super().__init__()
        self.wide = nn.Conv2d(2, 4, 3, stride=2, padding=(1, 2), dilation=(1, 2), groups=2)
        self.flat = nn.Conv1d(4, 6, 2, padding="same", bias=False, dilation=2)
        self.head = nn.Linear(6, classes)

    def forward(self, image):
        x = torch.tanh(self.wide(image)).flatten(2)
        return self.head(torch.tanh(self.flat(x)).mean(2))


class Tokens(nn.Module):
    """Logits at every position, which shares its activations with those before it."""

    def __init__(self, words, width, positions, classes):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.mix = nn.Parameter(torch.randn(positions, positions) * 0.5)
        self.head = nn.Linear(width, classes)

    def forward(self, ids):
        return self.head(torch.tanh(torch.tril(self.mix) @ self.embed(ids)))


class DictOutput(Classifier):
    def forward(self, x):
        hidden = torch.tanh(self.hidden(x))
        return {"hidden": hidden, "scores": self.head(hidden)}


class TiedModule(nn.Module):
    """One layer under two names, used twice."""

    def __init__(self, width, classes):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = self.first
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(torch.tanh(self.second(torch.tanh(self.first(x)))))


class TiedTensor(nn.Module):
    """A decoder on the embedding's weight."""

    def __init__(self, words, width):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.hidden = nn.Linear(width, width)
        self.decoder = nn.Linear(width, words)
        self.decoder.weight = self.embed.weight

    def forward(self, ids):
        return self.decoder(torch.tanh(self.hidden(self.embed(ids))))


class Unused(Classifier):
    """A layer that forward never reaches."""

    def __init__(self, features, width, classes):
        super().__init__(features, width, classes)
        self.spare = nn.Linear(width, 3)


class Mixed(nn.Module):
    """An integer and a float input, in an order that is not the alphabet's."""

    def __init__(self, features, kinds, classes):
        super().__init__()
        self.embed = nn.Embedding(kinds, 4)
        self.dense = nn.Linear(features, 4)
        self.head = nn.Linear(4, classes)

    def forward(self, kind, amount):
        return self.head(torch.tanh(self.embed(kind) + self.dense(amount)))


class Affine(nn.Module):
    """nn.Linear without its constants, which a script lists in an order that changes from run to run."""

    def __init__(self, features, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, features) * features**-0.5)
        self.bias = nn.Parameter(torch.randn(width) * 0.3)

    def forward(self, x):
        return nn.functional.linear(x, self.weight, self.bias)


class Branches(nn.Module):
    """Control flow that a trace would lose: the number of repetitions hangs on the data's sign."""

    def __init__(self, features, width, classes):
        super().__init__()
        self.enter = Affine(features, width)
        self.again = Affine(width, width)
        self.head = Affine(width, classes)

    def forward(self, x):
        rows = []
        for i in range(x.shape[0]):
            h = torch.tanh(self.enter(x[i]))
            if float(x[i].sum()) > 0:
                for _ in range(2):
                    h = torch.tanh(self.again(h))
            rows.append(self.head(h))
        return torch.stack(rows)


class Scalars(nn.Module):
    """A parameter of no dimension, and one whose layout is not row-major."""

    def __init__(self, features, width, classes):
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(1.3))
        self.turned = nn.Parameter(torch.randn(width, features).t())
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(torch.tanh(x @ self.turned)) * self.temperature
