"""What the runtime's kernels promise of memory and of the range of numbers: python -m pytest src/test/python"""

import pathlib
import sys

import pytest
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "main/python/tools"))

from make_kernels import Kernels  # noqa: E402

MIB = 1 << 20


def squares_each(layer, x, reduce, cotangents, rule):
    """Squares by taps: the norms by example and the sum over examples, and the sum that autograd gives."""
    output = layer(x)
    logits = reduce(output)
    total = torch.zeros_like(layer.weight)
    kernels = Kernels()
    norms, well = kernels.squares_each(
        logits,
        cotangents,
        torch.tensor([[x.size(0), 1]]),
        torch.tensor([rule + [0] * (10 - len(rule))]),
        torch.tensor([0]),
        kernels.sizes([x])[0],
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
