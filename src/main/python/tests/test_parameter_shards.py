"""Shards of the parameters: what processes that hold a part each estimate together is what one process estimates.

A simulation of docs/scale.md with a small transformer in double precision and gloo, without an agent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import scale_costs as costs
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from sharded_transformer import (
    HIDDEN,
    LAYERS,
    SEQUENCE,
    VOCABULARY,
    WIDTH,
    Grid,
    Shard,
    Whole,
    Wire,
    whole,
)
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils import parameters_to_vector, vector_to_parameters

import fisherwatch
from fisherwatch._cores import ABOVE, EMPIRICAL, LOWER, REST, core

EXAMPLES, PASSES, PLAIN = 2, 3, 4
BYTES = 8
PATIENCE = timedelta(seconds=120)
COUNT = EXAMPLES * SEQUENCE
PARTS = torch.tensor([LOWER] + [REST] * VOCABULARY + [ABOVE, EMPIRICAL])
TOKENS = torch.tensor([[0, 3, 1, 5], [4, 4, 2, 0]])
LABELS = torch.tensor([[3, 1, 5, 2], [4, 2, 0, 0]])
MODEL = costs.Model("simulated", LAYERS, WIDTH, HIDDEN, VOCABULARY, SEQUENCE)

#: tensor, stages, by sequence, tied
LAYOUTS = [(2, 1, False, False), (1, 2, False, True), (2, 2, True, True), (2, 2, False, False)]


def signs(example: int, number: int, examples: int = 1) -> Tensor:
    """Of a probe: a function of the batch, the example and the pass alone, so that any process can draw them."""
    generator = torch.Generator().manual_seed(1000 * (example + 1) + number)
    return 2.0 * torch.randint(2, (examples, SEQUENCE, VOCABULARY), generator=generator).double() - 1


def layer_of(name: str) -> str:
    return name.rpartition(".")[0]


def layers(names: Any) -> list[str]:
    return sorted({layer_of(name) for name in names} | {"_total"})


def in_layer(name: str, layer: str) -> bool:
    return layer in ("_total", layer_of(name))


ALL_LAYERS = layers(name for name, _ in whole(False).named_parameters())


def group_of_processes(rank: int, folder: str, size: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=size, timeout=PATIENCE)


def exact_cotangents(shard: Shard) -> Iterator[Tensor | None]:
    """All of one example: a position after another, each with those of its core matrix."""
    grid = shard.grid
    logits = shard.wire.all_gather(shard.output.detach(), grid.group, "logits", 2)[0] if grid.last else None
    for position in range(SEQUENCE):
        if logits is None:
            yield from [None] * len(PARTS)
            continue
        found = core("categorical", logits[position], int(shard.labels[position]), 1.0)  # type: ignore[attr-defined]
        assert found.parts.tolist() == PARTS.tolist()
        for row in found.cotangents:
            cotangent = torch.zeros(1, SEQUENCE, VOCABULARY, dtype=torch.float64)
            cotangent[0, position] = row
            yield cotangent.chunk(grid.tensor, 2)[grid.place]


def gram(kept: list[dict[str, Tensor]], counted: Any) -> Tensor:
    """By layer, of the gradients' parts that are counted here: [layers, K, K]."""
    matrices = []
    for layer in ALL_LAYERS:
        names = [name for name in kept[0] if in_layer(name, layer) and counted(name)]
        rows = torch.stack([torch.cat([g[name].flatten() for name in names] or [torch.zeros(1)]) for g in kept])
        matrices.append(rows.double() @ rows.double().T)
    return torch.stack(matrices)


def traces(squares: dict[str, Tensor], counted: Any) -> Tensor:
    """By layer and part, of squares [parts, …] that are counted here."""
    result = torch.zeros(len(ALL_LAYERS), 4, dtype=torch.float64)
    for i, layer in enumerate(ALL_LAYERS):
        for name, square in squares.items():
            if in_layer(name, layer) and counted(name):
                result[i] += square.flatten(1).sum(1)
    return result


def work(rank: int, folder: str, tensor: int, stages: int, by_sequence: bool, tied: bool) -> None:
    """One process of a grid: writes what it knows, its own diagonal and figures that all have."""
    group_of_processes(rank, folder, tensor * stages)
    grid = Grid(tensor, stages, by_sequence, tied, rank).join()
    shard = Shard(whole(tied), grid)
    squares = {name: torch.zeros(4, *p.shape, dtype=torch.float64) for name, p in shard.parameters.items()}
    kept: list[dict[str, Tensor]] = []
    for example in range(EXAMPLES):
        shard.labels = LABELS[example]  # type: ignore[attr-defined]
        shard.forward(TOKENS[example : example + 1])
        for i, cotangent in enumerate(exact_cotangents(shard)):
            gradients = shard.vjp(cotangent)
            part = int(PARTS[i % len(PARTS)])
            for name, gradient in gradients.items():
                squares[name][part] += gradient.square()
            if part in (LOWER, REST):
                kept.append(gradients)
    world = dist.group.WORLD
    found: dict[str, Any] = {
        "traces": shard.wire.all_reduce(traces(squares, shard.counts), world, "figures"),
        "gram": shard.wire.all_reduce(gram(kept, shard.counts), world, "figures"),
        "squares": squares,
        "slices": {name: shard.slices(name) for name in squares},
        "counts": {name: shard.counts(name) for name in squares},
    }
    shard.wire.sent.clear()
    found["probed"] = {name: torch.zeros_like(p) for name, p in shard.parameters.items()}
    for example in range(EXAMPLES):
        for gradients in probes(shard, TOKENS[example : example + 1], example, PASSES):
            for name, gradient in gradients.items():
                found["probed"][name] += gradient.square()
    found["sent"] = dict(shard.wire.sent)
    found["leading"] = shard.leading() if grid.last else None
    found["sent leading"] = shard.wire.sent["leading"]
    found["plain gram"] = shard.wire.all_reduce(
        gram(list(probes(shard, TOKENS, EXAMPLES, PLAIN)), shard.counts), world, "figures"
    )
    torch.save(found, Path(folder, f"rank-{rank}.pt"))
    dist.barrier()
    if rank < tensor * stages - 1:
        found_missing(shard, folder)
    os._exit(0)  # all is written; threads of a group that has lost a process would abort at an orderly end


def probes(shard: Shard, tokens: Tensor, example: int, passes: int) -> Iterator[dict[str, Tensor]]:
    """Plain probes of a micro-batch, after one forward pass."""
    shard.forward(tokens)
    p, s = shard.softmax() if shard.grid.last else (None, None)
    for number in range(passes):
        drawn = signs(example, number, len(tokens))
        yield shard.vjp(None if p is None or s is None else shard.plain(p, s, drawn))


def found_missing(shard: Shard, folder: str) -> None:
    """The last process has gone; the others' passes are errors, not figures of some of the parameters."""
    try:
        for _ in range(3):
            next(probes(shard, TOKENS, 0, 1))
    except RuntimeError as e:
        Path(folder, f"missing-{shard.grid.rank}").write_text(str(e))


def assembled(ranks: list[dict[str, Any]], what: str, like: Whole) -> dict[str, Tensor]:
    """The whole of what ranks have in parts; checks that what several have is the same."""
    result: dict[str, Tensor] = {}
    for name, parameter in like.named_parameters():
        for found in ranks:
            if name in found[what]:
                own = found[what][name]
                lead = own.shape[: own.dim() - parameter.dim()]
                whole_of_it = result.setdefault(name, own.new_full((*lead, *parameter.shape), float("nan")))
                place = (*[slice(None)] * len(lead), *found["slices"][name])
                known = whole_of_it[place]
                assert torch.allclose(known[~known.isnan()], own[~known.isnan()], rtol=1e-12)
                whole_of_it[place] = own
    return result


def close(found: Tensor, wanted: Tensor) -> None:
    """To rounding. A key's bias has no gradient but rounding, whose square is about 1e-33."""
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-13 * float(wanted.abs().max()) + 1e-25)


def reference_probes(model: Whole, tokens: Tensor, example: int, passes: int) -> list[dict[str, Tensor]]:
    logits = model(tokens)
    p = torch.softmax(logits.detach(), -1)
    named = dict(model.named_parameters())
    result = []
    for number in range(passes):
        xi = signs(example, number, len(tokens))
        u = p.sqrt() * xi - p * (p.sqrt() * xi).sum(-1, keepdim=True)
        result.append(dict(zip(named, torch.autograd.grad(logits, list(named.values()), u, retain_graph=True))))
    return result


def assert_exact(model: Whole, diagonal: dict[str, Tensor], summed: Tensor, grams: Tensor) -> None:
    """Against `fisherwatch.exact` of the whole model."""
    exact = fisherwatch.exact(model, TOKENS, labels=LABELS, diagonal=True)
    assert exact.diagonal is not None
    for name, squares in diagonal.items():
        lower, rest, above, empirical = squares / COUNT
        close(lower, exact.diagonal[f"lower/{name}"])
        close(lower + rest, exact.diagonal[f"fisher/{name}"])
        close(lower + rest + above, exact.diagonal[f"upper/{name}"])
        close(empirical, exact.diagonal[f"empirical/{name}"])
    assert set(exact.layers) <= set(ALL_LAYERS)
    for layer, figures in exact.layers.items():
        i = ALL_LAYERS.index(layer)
        wanted = [figures.lower, figures.gap_lower, figures.gap_upper, figures.empirical]
        assert (summed[i] / COUNT).tolist() == pytest.approx(wanted, rel=1e-10), layer
        eigenvalues = torch.linalg.eigvalsh(grams[i] / COUNT)
        rank = float(eigenvalues.sum() ** 2 / eigenvalues.square().sum())
        assert rank == pytest.approx(figures.effective_rank, rel=1e-9), layer
        assert float(eigenvalues[-1]) == pytest.approx(figures.top_eigenvalue, rel=1e-9), layer


@pytest.fixture(scope="module", params=LAYOUTS, ids=lambda p: f"{p[0]}x{p[1]}{'-sequence' * p[2]}{'-tied' * p[3]}")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A grid's processes have run; what they found."""
    tensor, stages, by_sequence, tied = request.param
    folder = tmp_path_factory.mktemp("shards")
    mp.spawn(work, (str(folder), *request.param), nprocs=tensor * stages)
    ranks = [torch.load(folder / f"rank-{rank}.pt", weights_only=False) for rank in range(tensor * stages)]
    return request.param, ranks, folder


def test_exact_figures_of_shards_are_those_of_the_whole(run: Any) -> None:
    (_, _, _, tied), ranks, _ = run
    for found in ranks[1:]:
        assert torch.equal(found["traces"], ranks[0]["traces"]) and torch.equal(found["gram"], ranks[0]["gram"])
    model = whole(tied)
    assert_exact(model, assembled(ranks, "squares", model), ranks[0]["traces"], ranks[0]["gram"])


def test_every_parameter_is_counted_once(run: Any) -> None:
    (_, _, _, tied), ranks, _ = run
    model = whole(tied)
    counted = sum(f["squares"][name][0].numel() for f in ranks for name, counts in f["counts"].items() if counts)
    assert counted == sum(p.numel() for p in model.parameters())


def test_probes_with_one_seed_are_those_of_the_whole(run: Any) -> None:
    (_, _, _, tied), ranks, _ = run
    model = whole(tied)
    wanted = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for example in range(EXAMPLES):
        for gradients in reference_probes(model, TOKENS[example : example + 1], example, PASSES):
            for name, gradient in gradients.items():
                wanted[name] += gradient.square()
    found = assembled(ranks, "probed", model)
    assert set(found) == set(wanted)
    for name, squares in wanted.items():
        close(found[name], squares)


def test_the_leading_eigenpair_is_found_over_a_split_vocabulary(run: Any) -> None:
    (tensor, stages, _, tied), ranks, _ = run
    logits = whole(tied)(TOKENS[-1:])[0].detach()  # the micro-batch that came last
    parts = [found["leading"] for found in ranks if found["leading"] is not None]
    assert len(parts) == tensor and max(steps for _, _, steps in parts) <= costs.STEPS
    sent = BYTES * costs.leading_sent(MODEL, costs.Layout(tensor, stages), parts[0][2])
    assert [found["sent leading"] for found in ranks] == [0] * (len(ranks) - tensor) + [sent] * tensor
    vectors = torch.cat([vector for _, vector, _ in parts], -1)[0]
    for position in range(SEQUENCE):
        wanted = core("categorical", logits[position], None, 1.0).cotangents[0]
        found = parts[0][0][0, position].sqrt() * vectors[position]
        torch.testing.assert_close(found * torch.sign(found @ wanted), wanted, rtol=1e-9, atol=1e-12)


def test_gram_matrices_of_shards_add(run: Any) -> None:
    (_, _, _, tied), ranks, _ = run
    wanted = gram(reference_probes(whole(tied), TOKENS, EXAMPLES, PLAIN), lambda _: True)
    close(ranks[0]["plain gram"], wanted)
    off = ~torch.eye(PLAIN, dtype=torch.bool)
    total = ALL_LAYERS.index("_total")
    found, wanted = ranks[0]["plain gram"][total], wanted[total]
    assert float(found[off].square().mean()) == pytest.approx(float(wanted[off].square().mean()), rel=1e-9)


def test_traffic_is_what_the_document_says(run: Any) -> None:
    (tensor, stages, by_sequence, tied), ranks, _ = run
    layout = costs.Layout(tensor, stages, 1, by_sequence)
    for rank, found in enumerate(ranks):
        stage = rank // tensor
        inner = costs.tensor_sent(MODEL, layout, stage, False) + PASSES * costs.tensor_sent(MODEL, layout, stage, True)
        boundary = costs.pipeline_sent(MODEL, layout)
        last, first = stage == stages - 1, stage == 0
        wanted = {
            "tensor": inner,
            "softmax": costs.softmax_sent(MODEL, layout, PASSES) if last else 0,
            "pipeline": (0 if last else boundary) + (0 if first else PASSES * boundary),
            "tied": PASSES * costs.tied_sent(MODEL, layout) if tied and stages > 1 and (first or last) else 0,
            "partial": PASSES * costs.partial_sent(MODEL, layout, stage),
        }
        sent = {purpose: found["sent"].get(purpose, 0) for purpose in wanted}
        assert sent == {purpose: EXAMPLES * BYTES * numbers for purpose, numbers in wanted.items()}, rank
        assert not set(found["sent"]) - set(wanted)


def test_tied_traces_need_no_more_than_activations() -> None:
    """The inner product of a table's two gradients, from δ behind the embedding and the head's input and cotangent."""
    model, tokens = whole(False), TOKENS[:1]
    seen: dict[str, Tensor] = {}
    model.embed.register_forward_hook(lambda _, __, output: seen.update(embedded=output))
    model.head.register_forward_pre_hook(lambda _, args: seen.update(head=args[0]))
    logits = model(tokens)
    u = signs(0, 0)
    wanted = [model.embed.weight, model.head.weight, seen["embedded"]]
    a, b, delta = torch.autograd.grad(logits, wanted, u)
    found = (u[0][:, tokens[0]] * (seen["head"][0] @ delta[0].T)).sum()
    assert float(found.detach()) == pytest.approx(float((a * b).sum()), rel=1e-12)


def test_a_process_that_is_missing_leaves_no_figure(run: Any) -> None:
    _, ranks, folder = run
    assert len(list(folder.glob("missing-*"))) == len(ranks) - 1


def work_by_data(rank: int, folder: str, size: int) -> None:
    """Fully sharded data parallel: all parameters are gathered, each process has examples of its own."""
    group_of_processes(rank, folder, size)
    world, wire, model = dist.group.WORLD, Wire(), whole(False)
    flat = parameters_to_vector(model.parameters()).detach()
    share = flat.chunk(size)[rank].clone()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # it has its share only
    vector_to_parameters(wire.all_gather(share, world, "weights"), model.parameters())
    named = dict(model.named_parameters())
    squares = torch.zeros(4, len(share), dtype=torch.float64)
    own_traces = torch.zeros(len(ALL_LAYERS), 4, dtype=torch.float64)
    for example in range(rank, EXAMPLES, size):
        logits = model(TOKENS[example : example + 1])[0]
        full = {name: torch.zeros(4, *p.shape, dtype=torch.float64) for name, p in named.items()}
        for position in range(SEQUENCE):
            found = core("categorical", logits[position].detach(), int(LABELS[example, position]), 1.0)
            for row, part in zip(found.cotangents, found.parts):
                pulled = torch.autograd.grad(logits[position], list(named.values()), row, retain_graph=True)
                for name, gradient in zip(named, pulled):
                    full[name][part] += gradient.square()
        own_traces += traces(full, lambda _: True)
        for part in range(4):  # squares of one example add to those of another process's
            of_part = torch.cat([square[part].flatten() for square in full.values()])
            squares[part] += wire.reduce_scatter(of_part, world, "squares")
    kept = []
    mine = TOKENS[rank::size]
    for gradients in by_data_probes(model, mine, rank, size):
        whole_gradient = torch.cat([gradient.flatten() for gradient in gradients])
        kept.append(wire.reduce_scatter(whole_gradient, world, "gradients"))
    rows = torch.stack(kept)
    found_here = {
        "squares": squares,
        "traces": wire.all_reduce(own_traces, world, "figures"),
        "gram": wire.all_reduce(rows @ rows.T, world, "figures"),
        "sent": dict(wire.sent),
    }
    torch.save(found_here, Path(folder, f"rank-{rank}.pt"))
    dist.barrier()
    dist.destroy_process_group()


def by_data_probes(model: Whole, mine: Tensor, rank: int, size: int) -> Iterator[tuple[Tensor, ...]]:
    logits = functional_call(model, {}, (mine,))
    p = torch.softmax(logits.detach(), -1)
    for number in range(PLAIN):
        xi = signs(EXAMPLES, number, EXAMPLES)[rank::size]
        u = p.sqrt() * xi - p * (p.sqrt() * xi).sum(-1, keepdim=True)
        yield torch.autograd.grad(logits, list(model.parameters()), u, retain_graph=True)


def test_fully_sharded_data_parallel(tmp_path: Path) -> None:
    mp.spawn(work_by_data, (str(tmp_path), 2), nprocs=2)
    ranks = [torch.load(tmp_path / f"rank-{rank}.pt", weights_only=False) for rank in range(2)]
    model = whole(False)
    size = sum(p.numel() for p in model.parameters())
    joined = torch.cat([found["squares"] for found in ranks], 1)
    split = joined.split([p.numel() for p in model.parameters()], 1)
    diagonal = {name: s.reshape(4, *p.shape) for (name, p), s in zip(model.named_parameters(), split)}
    exact = fisherwatch.exact(model, TOKENS, labels=LABELS, diagonal=True)
    assert exact.diagonal is not None
    for name, squares in diagonal.items():
        close((squares[LOWER] + squares[REST]) / COUNT, exact.diagonal[f"fisher/{name}"])
        close(squares[EMPIRICAL] / COUNT, exact.diagonal[f"empirical/{name}"])
    for layer, figures in exact.layers.items():
        lower, rest, above, _ = (ranks[0]["traces"][ALL_LAYERS.index(layer)] / COUNT).tolist()
        assert [lower, rest, above] == pytest.approx([figures.lower, figures.gap_lower, figures.gap_upper], rel=1e-10)
    reference = gram(reference_probes(model, TOKENS, EXAMPLES, PLAIN), lambda _: True)
    close(ranks[0]["gram"], reference[ALL_LAYERS.index("_total")])
    assert MODEL.parameters == size and costs.modules(MODEL) == len(ALL_LAYERS)
    share = costs.scattered(size, 2) * BYTES
    sent = ranks[0]["sent"]
    assert (sent["weights"], sent["squares"], sent["gradients"]) == (share, 4 * share, PLAIN * share)
