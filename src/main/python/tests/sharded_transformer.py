"""A small transformer, whole and in shards: tensor parallel, by sequence, in pipeline stages. A simulation for tests.

The shards are written as Megatron-LM writes them: of two linear layers in a row the first is split by its outputs and
the second by its inputs, so that one all-reduce each way is enough. `Wire` counts what each process would send by ring
algorithms; gloo may send otherwise.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

LAYERS, WIDTH, HIDDEN, HEADS, VOCABULARY, SEQUENCE = 2, 8, 12, 2, 6, 4
ROWS, COLUMNS = 0, 1


class Block(nn.Module):
    """Causal attention and a perceptron, each behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.q, self.k, self.v, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.out(attention(self.q(y), self.k(y), self.v(y), HEADS))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Whole(nn.Module):
    """What one device would hold."""

    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.embed, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(SEQUENCE, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def whole(tied: bool) -> Whole:
    """With weights that are no special ones, in double precision."""
    torch.manual_seed(5)
    model = Whole(tied).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Of so many heads, causal: [N, T, d] each."""
    split = [x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v)]
    return functional.scaled_dot_product_attention(*split, is_causal=True).transpose(1, 2).flatten(2)


def split_dimension(name: str) -> int | None:
    """Along which dimension a parameter is sharded within a layer; None if every device of the group has it."""
    module, leaf = name.split(".")[-2:]
    if module in ("embed", "head", "q", "k", "v", "up"):
        return ROWS
    return COLUMNS if module in ("out", "down") and leaf == "weight" else None


class Wire:
    """Collective operations of one process, and the bytes that it would send for them, by purpose."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def all_reduce(self, tensor: Tensor, group: Any, purpose: str, op: Any = dist.ReduceOp.SUM) -> Tensor:
        result = tensor.clone()
        dist.all_reduce(result, op, group)
        self._count(purpose, 2 * tensor.numel(), tensor, group)
        return result

    def all_gather(self, tensor: Tensor, group: Any, purpose: str, dim: int = 0) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(group.size())]
        dist.all_gather(parts, tensor.contiguous(), group)
        self._count(purpose, group.size() * tensor.numel(), tensor, group)
        return torch.cat(parts, dim)

    def reduce_scatter(self, tensor: Tensor, group: Any, purpose: str, dim: int = 0) -> Tensor:
        result = tensor.clone()
        dist.all_reduce(result, group=group)  # gloo has nothing else; counted as what it stands for
        self._count(purpose, tensor.numel(), tensor, group)
        return result.chunk(group.size(), dim)[group.rank()].contiguous()

    def send(self, tensor: Tensor, to: int) -> None:
        dist.send(tensor.contiguous(), to)
        self.sent["pipeline"] += tensor.numel() * tensor.element_size()

    def _count(self, purpose: str, numbers: int, like: Tensor, group: Any) -> None:
        self.sent[purpose] += numbers * like.element_size() * (group.size() - 1) // group.size()


@dataclass
class Grid:
    """Where a process is: its place in its layers, its stage, and the groups that it shares them with."""

    tensor: int
    stages: int
    by_sequence: bool
    tied: bool
    rank: int
    group: Any = None
    ends: Any = None

    @property
    def place(self) -> int:
        return self.rank % self.tensor

    @property
    def stage(self) -> int:
        return self.rank // self.tensor

    @property
    def first(self) -> bool:
        return self.stage == 0

    @property
    def last(self) -> bool:
        return self.stage == self.stages - 1

    def join(self) -> Grid:
        """Makes the groups, on every process in one order."""
        for stage in range(self.stages):
            group = dist.new_group(list(range(stage * self.tensor, (stage + 1) * self.tensor)))
            self.group = group if stage == self.stage else self.group
        for place in range(self.tensor):
            ends = dist.new_group(sorted({place, place + (self.stages - 1) * self.tensor}))
            self.ends = ends if place == self.place and (self.first or self.last) else self.ends
        return self


class Enter(torch.autograd.Function):
    """From what every device of the group has into a sharded layer: nothing, and a sum on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, wire: Wire, grid: Grid) -> Tensor:
        ctx.wire, ctx.grid = wire, grid
        return wire.all_gather(x, grid.group, "tensor", 1) if grid.by_sequence else x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        collect = ctx.wire.reduce_scatter if ctx.grid.by_sequence else ctx.wire.all_reduce
        more = (1,) if ctx.grid.by_sequence else ()
        return collect(gradients[0], ctx.grid.group, "tensor", *more), None, None


class Leave(torch.autograd.Function):
    """Out of a sharded layer: a sum, and nothing on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, wire: Wire, grid: Grid) -> Tensor:
        ctx.wire, ctx.grid = wire, grid
        if grid.by_sequence:
            return wire.reduce_scatter(x, grid.group, "tensor", 1)
        return wire.all_reduce(x, grid.group, "tensor")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        if ctx.grid.by_sequence:
            return ctx.wire.all_gather(gradients[0], ctx.grid.group, "tensor", 1), None, None
        return gradients[0], None, None


class Shard:
    """One process's part of a model: its parameters, and passes that all processes of the grid make together."""

    def __init__(self, model: Whole, grid: Grid) -> None:
        """Takes its part of a whole model."""
        self.grid, self.wire = grid, Wire()
        each = LAYERS // grid.stages
        self.blocks = range(grid.stage * each, (grid.stage + 1) * each)
        self.parameters: dict[str, Tensor] = {}
        for name, parameter in model.state_dict().items():
            if self._mine(name):
                dim = split_dimension(name)
                part = parameter if dim is None else parameter.chunk(grid.tensor, dim)[grid.place]
                self.parameters[name] = part.clone().requires_grad_()

    def slices(self, name: str) -> tuple[slice, ...]:
        """Where its part lies in the whole parameter."""
        dim, shape = split_dimension(name), self.parameters[name].shape
        if dim is None:
            return (slice(None),)
        length = shape[dim]
        return (*[slice(None)] * dim, slice(self.grid.place * length, (self.grid.place + 1) * length))

    def counts(self, name: str) -> bool:
        """Whether its part enters sums over devices: what several have is one's, tied weights are the first stage's."""
        if name == "head.weight" and self.grid.tied:
            return False
        return split_dimension(name) is not None or self.grid.place == 0

    def forward(self, tokens: Tensor) -> None:
        """Runs the model on [N, T]; the last stage then has its part of the logits, [N, T, V / tensor]."""
        grid = self.grid
        length = SEQUENCE // grid.tensor if grid.by_sequence else SEQUENCE
        own = slice(grid.place * length, (grid.place + 1) * length) if grid.by_sequence else slice(None)
        if grid.first:
            x = self._embedded(tokens) + self.parameters["positions.weight"][own]
            self.input = None
        else:
            self.input = x = torch.empty(len(tokens), length, WIDTH, dtype=torch.float64)
            dist.recv(x, grid.rank - grid.tensor)
            x.requires_grad_()
        for block in self.blocks:
            x = self._block(x, f"blocks.{block}.")
        if grid.last:
            table = self.parameters["head.weight"]
            x = functional.linear(self._enter(self._norm(x, "norm")), table)
        else:
            self.wire.send(x.detach(), grid.rank + grid.tensor)
        self.output = x

    def vjp(self, cotangent: Tensor | None) -> dict[str, Tensor]:
        """Gradients of its parameters; on the last stage of its part of a cotangent. All processes call it together."""
        grid = self.grid
        if not grid.last:
            cotangent = torch.empty_like(self.output)
            dist.recv(cotangent, grid.rank + grid.tensor)
        inputs = list(self.parameters.values()) + ([] if self.input is None else [self.input])
        found = torch.autograd.grad(self.output, inputs, cotangent, retain_graph=True)
        if self.input is not None:
            self.wire.send(found[-1], grid.rank - grid.tensor)
        gradients = dict(zip(self.parameters, found))
        if grid.by_sequence:  # of what all have, each has the gradient of its part of the sequence
            for name in self.parameters:
                if split_dimension(name) is None:
                    gradients[name] = self.wire.all_reduce(gradients[name], grid.group, "partial")
        if grid.tied:
            self._add_tied(gradients)
        return gradients

    def softmax(self) -> tuple[Tensor, Tensor]:
        """On the last stage: its part of p, and of its square root."""
        z = self.output.detach()
        largest = self.wire.all_reduce(z.amax(-1), self.grid.group, "softmax", dist.ReduceOp.MAX)
        e = torch.exp(z - largest[..., None])
        p = e / self.wire.all_reduce(e.sum(-1), self.grid.group, "softmax")[..., None]
        return p, p.sqrt()

    def leading(self) -> tuple[Tensor, Tensor, int]:
        """On the last stage: λ₁ of each position's core, its part of v₁, and the steps of Newton's method.

        With e = p / max p and x = λ₁ / max p the root of 1 − x − 1/ψ(x), ψ(x) = Σ e / (x − e) over all words but the
        likeliest, approached from the left. Every rank sees the same sums, and so stops at the same step.
        """
        z = self.output.detach()
        largest = self._over_words(z.amax(-1), dist.ReduceOp.MAX)
        e = torch.exp(z - largest[..., None])
        total, tail = self._over_words(e.sum(-1)), e.masked_fill(e == 1, 0)
        second = self._over_words(tail.amax(-1), dist.ReduceOp.MAX)
        ties = self._over_words((tail == second[..., None]).sum(-1).to(e.dtype))
        x = second + (1 - second) / (1 + 1 / (ties * second))
        steps, change = 0, x
        while steps < 100 and bool((change.abs() > 1e-15 * x).any()):
            steps += 1
            distance = x[..., None] - tail
            slope = -self._over_words((tail / distance.square()).sum(-1))
            psi = self._over_words((tail / distance).sum(-1))
            change = (1 - x - 1 / psi) / (1 - slope / psi.square())
            x = x + change
        v = e / (e - x[..., None])
        norm = self._over_words(v.square().sum(-1))
        return x / total, v / norm.sqrt()[..., None], steps

    def _over_words(self, part: Tensor, op: Any = dist.ReduceOp.SUM) -> Tensor:
        return self.wire.all_reduce(part, self.grid.group, "leading", op)

    def plain(self, p: Tensor, s: Tensor, signs: Tensor) -> Tensor:
        """Its part of the plain probe of F: s∘ξ − p(s·ξ), from its part of the signs that every process can draw."""
        part = signs.chunk(self.grid.tensor, -1)[self.grid.place]
        product = self.wire.all_reduce((s * part).sum(-1), self.grid.group, "softmax")
        return s * part - p * product[..., None]

    def _mine(self, name: str) -> bool:
        if name.startswith("blocks."):
            return int(name.split(".")[1]) in self.blocks
        return self.grid.first if name.startswith(("embed", "positions")) else self.grid.last

    def _add_tied(self, gradients: dict[str, Tensor]) -> None:
        ends = [name for name in ("embed.weight", "head.weight") if name in gradients]
        if ends:
            both = sum((gradients[name] for name in ends), torch.zeros(()))
            both = both if len(ends) == 2 else self.wire.all_reduce(both, self.grid.ends, "tied")
            gradients.update(dict.fromkeys(ends, both))

    def _embedded(self, tokens: Tensor) -> Tensor:
        table = self.parameters["embed.weight"]
        local = tokens - self.grid.place * len(table)
        mine = (local >= 0) & (local < len(table))
        rows = functional.embedding(local.clamp(0, len(table) - 1), table)
        return self._leave(rows * mine[..., None])

    def _block(self, x: Tensor, prefix: str) -> Tensor:
        y = self._enter(self._norm(x, prefix + "norm1"))
        q, k, v = (self._linear(y, prefix + name) for name in "qkv")
        x = x + self._reduced(attention(q, k, v, HEADS // self.grid.tensor), prefix + "out")
        y = self._enter(self._norm(x, prefix + "norm2"))
        return x + self._reduced(functional.gelu(self._linear(y, prefix + "up")), prefix + "down")

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (WIDTH,), self.parameters[name + ".weight"], self.parameters[name + ".bias"])

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.parameters[name + ".weight"], self.parameters[name + ".bias"])

    def _reduced(self, x: Tensor, name: str) -> Tensor:
        """A layer split by its inputs; its bias is added once, behind the sum."""
        return self._leave(functional.linear(x, self.parameters[name + ".weight"])) + self.parameters[name + ".bias"]

    def _enter(self, x: Tensor) -> Tensor:
        return Enter.apply(x, self.wire, self.grid)  # type: ignore[no-any-return, no-untyped-call]

    def _leave(self, x: Tensor) -> Tensor:
        return Leave.apply(x, self.wire, self.grid)  # type: ignore[no-any-return, no-untyped-call]
