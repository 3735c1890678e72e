"""What the runtime's kernels promise of memory and of the range of numbers: python -m pytest src/test/python"""

import pathlib
import sys

import pytest
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "main/python/tools"))

from make_kernels import TARGET, Kernels  # noqa: E402

MIB = 1 << 20
UNKNOWN = torch.tensor([-1.0])


@pytest.fixture(params=["python", "kernels.pt"])
def kernels(request):
    """As they are written, and as the runtime loads and runs them."""
    if request.param == "python":
        yield Kernels()
    else:
        with torch.jit.optimized_execution(False):
            yield torch.jit.load(str(TARGET))


def squares_each(layer, x, reduce, cotangents, rule):
    """Squares by taps: the norms by example and the sum over examples, and the sum that autograd gives."""
    output = layer(x)
    logits = reduce(output)
    total = torch.zeros_like(layer.weight)
    kernels = Kernels()
    norms, well, _ = kernels.squares_each(
        logits,
        cotangents,
        torch.tensor([[x.size(0), 1, 1]]),
        torch.tensor([rule + [0] * (10 - len(rule))]),
        torch.tensor([0]),
        UNKNOWN,
        [output],
        [x],
        [layer.weight],
        [total],
    )
    assert bool(well)
    expected = torch.zeros_like(total, dtype=torch.float64)
    for example, u in zip(x.split(1), cotangents.split(1)):
        expected += torch.autograd.grad(reduce(layer(example)), layer.weight, u)[0].double().square()
    return norms, total, expected


@pytest.mark.parametrize(("size", "groups"), [(3, 1), (7, 4)])
def test_patches_of_a_convolution_take_64_mib_at_a_time(monkeypatch, size, groups):
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 16, size, padding=size // 2, groups=groups, bias=False)
    x = torch.randn(40, 16, 64, 64)
    unfold, taken = torch._C._nn.im2col, []

    def counted(*args):
        patches = unfold(*args)
        taken.append(patches.numel() * patches.element_size())
        return patches

    monkeypatch.setattr(torch._C._nn, "im2col", counted)
    rule = [2, 0, 1, 1, 1, size // 2, size // 2, 1, 1, groups]
    norms, total, expected = squares_each(layer, x, lambda y: y.flatten(2).mean(2), torch.randn(40, 16), rule)
    assert MIB < max(taken) <= 64 * MIB
    torch.testing.assert_close(total.double(), expected, rtol=1e-4, atol=1e-12)
    torch.testing.assert_close(norms.sum(), expected.sum(), rtol=1e-5, atol=0)


def test_a_convolution_with_other_patches_than_outputs_is_refused():
    layer = nn.Conv2d(2, 2, 3, bias=False)
    with pytest.raises(AssertionError, match="do not fit"):
        rule = [2, 0, 1, 1, 1, 65536, 65536, 1, 1, 1]
        squares_each(layer, torch.randn(2, 2, 5, 5), lambda y: y.flatten(2).mean(2), torch.ones(2, 2), rule)


@pytest.mark.parametrize("positions", [1, 2])
@pytest.mark.parametrize(("delta", "feature"), [(1e-22, 1.7e9), (1e-24, 1e10), (1e12, 1e-22)])
def test_factors_out_of_range_whose_product_is_in_it(delta, feature, positions):
    layer = nn.Linear(3, 2, bias=False)
    x = torch.full((2, positions, 3), feature)
    cotangents = torch.full((2, positions, 2), delta)
    norms, total, expected = squares_each(layer, x, lambda y: y * 1.0, cotangents, [0, 0, 1])
    torch.testing.assert_close(total.double(), expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(norms.sum(), expected.sum(), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("rows", "columns"), [(900, 300), (2500, 900), (2, 200_000)])
@pytest.mark.parametrize("kind", [0, 1])
def test_products_of_large_layers_are_made_row_by_row(kernels, rows, columns, kind):
    """By kind 1 the layer is x W; every example has other positions that a gradient comes back to, one has none."""
    torch.manual_seed(3)
    weight = torch.zeros(rows, columns)
    delta, x = torch.randn(6, 9, columns if kind else rows), torch.rand(6, 9, rows if kind else columns) + 0.5
    for example, dead in enumerate([[], [5, 6, 7, 8], [0, 1, 2], [1, 3, 8], [0, 8], list(range(9))]):
        delta[example, dead] = 0
    output = torch.randn(delta.shape, requires_grad=True)
    total = torch.zeros_like(weight)
    arguments = [torch.tensor([[kind, 0, 1] + [0] * 7]), torch.tensor([0]), UNKNOWN, [output], [x], [weight]]
    norms, well, longest = kernels.squares_each(output * 1.0, delta, torch.tensor([[6, 1, 1]]), *arguments, [total])
    assert bool(well)
    torch.testing.assert_close(longest, x.double().flatten(1).norm(dim=1).max().reshape(1), rtol=1e-6, atol=0)
    left, right = (x, delta) if kind else (delta, x)
    gradients = torch.einsum("etr,etc->erc", left.double(), right.double())
    torch.testing.assert_close(norms[:, 0], gradients.square().sum([1, 2]), rtol=1e-6, atol=0)
    torch.testing.assert_close(total.double(), gradients.square().sum(0), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("positions", [(), (2,)])
def test_small_pulls_beside_large_ones_keep_their_norms(positions):
    torch.manual_seed(2)
    layer = nn.Linear(3, 2)
    x = torch.randn(2, *positions, 3).repeat(3, *(1 for _ in positions), 1)
    cotangents = torch.randn(6, *positions, 2)
    cotangents[2:4] *= 1e-22
    cotangents[4:] = 0
    logits = layer(x)
    totals = [torch.zeros_like(layer.weight), torch.zeros_like(layer.bias)]
    kernels = Kernels()
    norms, well, _ = kernels.squares_each(
        logits,
        cotangents,
        torch.tensor([[4, 1, 2], [2, 0, 1]]),
        torch.tensor([[0, 0, 1, 0, 0, 0, 0, 0, 0, 0], [5, 1, 1, 0, 0, 0, 0, 0, 0, 0]]),
        torch.tensor([0, 0]),
        UNKNOWN,
        [logits],
        [x],
        [layer.weight, layer.bias],
        totals,
    )
    assert bool(well)
    parameters = [layer.weight, layer.bias]
    sums = [torch.zeros_like(p, dtype=torch.float64) for p in parameters]
    for example in range(6):
        gradients = torch.autograd.grad(layer(x[example : example + 1]), parameters, cotangents[example : example + 1])
        for p, gradient in enumerate(gradients):
            squares = gradient.double().square()
            torch.testing.assert_close(norms[example, p], squares.sum(), rtol=1e-4, atol=0)
            sums[p] += squares if example < 4 else 0
    for total, expected in zip(totals, sums):
        torch.testing.assert_close(total.double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", ["tokens", "rows", "pictures", "indices"])
def test_pulls_made_together_are_those_made_one_by_one(kernels, kind):
    torch.manual_seed(4)
    if kind == "pictures":
        layers, x = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.Tanh(), nn.Flatten()), torch.randn(5, 4, 6, 6)
        rules = [[2, 0, 1, 2, 2, 1, 1, 1, 1, 2], [5, 0, 1, 1] + [0] * 6]
    elif kind == "indices":
        layers, x = nn.Sequential(nn.Embedding(7, 6), nn.Tanh()), torch.randint(7, (5, 3))
        rules = [[3, 0, 1, -1] + [0] * 6]
    else:
        layers, x = nn.Sequential(nn.Linear(4, 6), nn.Tanh()), torch.randn(5, 3, 4) if kind == "tokens" else torch.randn(5, 4)
        rules = [[0, 0, 1] + [0] * 7, [5, 0, 1] + [0] * 7]
    parameters = list(layers.parameters())
    output = layers[0](x)
    logits = layers[1:](output)
    cotangents = torch.randn(3 * 5, *logits.shape[1:])
    rules, members = torch.tensor(rules), torch.tensor([0])
    one, all_ = ([torch.zeros_like(p) for p in parameters] for _ in range(2))

    def squares(u, groups, sums):
        norms, well, _ = kernels.squares_each(logits, u, torch.tensor(groups), rules, members, UNKNOWN, [output], [x], parameters, sums)
        assert bool(well)
        return norms

    expected = [squares(u, [[5, int(k < 2), 1]], one) for k, u in enumerate(cotangents.split(5))]
    found = squares(cotangents, [[10, 1, 2], [5, 0, 1]], all_)
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-6, atol=0)
    for sums, together in zip(one, all_):
        assert sums.sum() > 0
        torch.testing.assert_close(together, sums, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compared", [True, False])
@pytest.mark.parametrize("positions", [(), (3,), (60,)])  # of 5 examples: 5, 15 and 300 rows
def test_products_of_pulls_through_a_batch_are_those_of_copies_of_it(kernels, positions, compared):
    torch.manual_seed(5)
    first, scale, last = nn.Linear(400, 300), nn.LayerNorm(300), nn.Linear(300, 6)
    x, cotangents = torch.randn(5, *positions, 400), torch.randn(15, *positions, 6)
    parameters = [first.weight, first.bias, scale.weight, last.weight]
    rules = torch.tensor([[0, 0, 1, 0], [5, 0, 1, 0], [4, 1, 1, 0], [0, 2, 1, 0]])

    def products(inputs):
        a = first(inputs)
        b = scale(a)
        normal = ((b - scale.bias) / scale.weight).detach()
        c = last(b)
        settings = [torch.tensor(3), torch.tensor([compared]), rules, torch.tensor([0, 1, 2])]
        return kernels.products_of_copies(c, cotangents, *settings, [a, b, c], [inputs, normal, b.detach()], parameters)

    deltas = torch.empty(15, *positions, 300)
    assert Kernels().are_rows_less_work([0], deltas, first.weight, 3) == (positions != (60,))
    (one, reached, failed), (copied, _, _) = products(x), products(x.repeat(3, *(1 for _ in positions), 1))
    assert bool(reached.all()) and not bool(failed)
    torch.testing.assert_close(one, copied, rtol=1e-4, atol=1e-4)
    gradients = [torch.autograd.grad(last(scale(first(x))), parameters, u) for u in cotangents.split(5)]
    for p in range(len(parameters)):
        flat = torch.stack([g[p].double().flatten() for g in gradients])
        expected = flat @ flat.T if compared else flat.square().sum(1, keepdim=True)
        torch.testing.assert_close(one[p], expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rows", [1, 8, 9, 16])
@pytest.mark.parametrize("scale", [1.0, 1e-18, 1e-25, 1e17, 1e25])
def test_products_of_long_rows_are_those_in_double(kernels, rows, scale):
    torch.manual_seed(9)
    long = torch.randn(rows, 70001) * scale
    exact = long.double() @ long.double().T
    found = kernels.products_of_rows(long, True)
    lengths = exact.diagonal().sqrt()
    assert ((found - exact).abs() <= 1e-7 * torch.outer(lengths, lengths)).all()


def test_products_of_long_rows_that_are_all_alike(kernels):
    long = torch.full([9, 70001], 0.1)
    exact = long.double() @ long.double().T
    torch.testing.assert_close(kernels.products_of_rows(long, True), exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("compared", [True, False])
@pytest.mark.parametrize("rule", [0, 1])  # weights as nn.Linear has them, and the other way round
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_products_without_gradients(kernels, dtype, rule, compared):
    torch.manual_seed(3)
    weight, x, d = torch.empty(6, 40, dtype=dtype), torch.randn(2, 3, 40, dtype=dtype), torch.randn(8, 3, 6, dtype=dtype)
    d[:2] = 0  # of the first of four pulls
    parameter = weight if rule == 0 else weight.t()
    assert Kernels().are_rows_less_work([rule], d, parameter, 4)
    gradients = torch.einsum("kro,ri->koi", d.double().view(4, 6, 6), x.double().view(6, 40)).flatten(1)
    expected = gradients @ gradients.T if compared else gradients.square().sum(1, keepdim=True)
    found = kernels.products_of_inputs([rule], d, x, parameter, 4, compared)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("compared", [True, False])
def test_squares_of_gradients_that_cancel_out_are_not_negative(kernels, compared):
    torch.manual_seed(3)
    x = torch.randn(1, 200).expand(8, 200)
    for _ in range(200):
        signs = torch.tensor([1.0, -1.0]).repeat(4)[torch.randperm(8)]
        d = (signs.unsqueeze(1) * torch.randn(1, 150)).repeat(2, 1)
        found = kernels.products_of_inputs([0], d, x, torch.empty(150, 200), 2, compared)
        assert bool((found.diagonal() if compared else found).ge(0).all())


def test_products_of_a_vanished_row_are_those_in_double(kernels):
    torch.manual_seed(9)
    long = torch.randn(3, 70001)
    long[1] *= 1e-24
    exact = long.double() @ long.double().T
    torch.testing.assert_close(kernels.products_of_rows(long, True), exact, rtol=1e-6, atol=0)


def test_a_bias_that_is_narrower_than_its_layer_is_summed():
    delta = torch.randn(3, 4)
    output = torch.randn(3, 4, requires_grad=True)  # of zeros everything would be done in double
    logits = output * 1.0
    bias = torch.zeros(1)
    total = torch.zeros(1)
    kernels = Kernels()
    norms, _, _ = kernels.squares_each(logits, delta, torch.tensor([[3, 1, 1]]), torch.tensor([[5, 0, 1] + [0] * 7]), torch.tensor([0]),
                                    UNKNOWN, [output], [output.detach()], [bias], [total])
    torch.testing.assert_close(norms[:, 0], delta.double().sum(1).square(), rtol=1e-5, atol=0)
    torch.testing.assert_close(total, delta.sum(1).square().sum().reshape(1), rtol=1e-5, atol=0)
