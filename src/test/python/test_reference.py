"""Closed forms that reference.py must reproduce: python -m pytest src/test/python"""

import numpy as np
import pytest
import torch
from torch import nn

import reference


def softmax_layer(classes, seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, classes).double(), torch.randn(5, 3, dtype=torch.float64)


def estimate(model, x, **options):
    return reference.estimate(model, [x], lambda out: out, **options)


def test_one_softmax_layer_is_the_mean_of_kronecker_products():
    model, x = softmax_layer(4)
    _, diagonals = estimate(model, x)
    p = torch.softmax(model(x), 1).detach().numpy()
    expected = np.einsum("nc,ni->ci", p * (1 - p), x.numpy() ** 2) / len(x)
    np.testing.assert_allclose(diagonals["fisher/weight"], expected, rtol=1e-12)
    np.testing.assert_allclose(diagonals["upper/bias"], p.mean(0), rtol=1e-12)


def test_two_classes_lower_equals_fisher():
    _, diagonals = estimate(*softmax_layer(2))
    np.testing.assert_allclose(diagonals["lower/weight"], diagonals["fisher/weight"], rtol=1e-12)


def test_uniform_outputs_have_the_known_ratios():
    model, x = softmax_layer(5)
    nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
    trace = estimate(model, x)[0]["layers"][0]["trace"]
    assert trace["lower"] / trace["fisher"] == pytest.approx(1 / 4, rel=1e-12)
    assert trace["upper"] / trace["fisher"] == pytest.approx(5 / 4, rel=1e-12)


def test_envelopes_enclose_every_entry():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 6))
    _, diagonals = estimate(model, torch.randn(7, 3))
    for name in ("0.weight", "0.bias", "2.weight", "2.bias"):
        assert (diagonals[f"lower/{name}"] <= diagonals[f"fisher/{name}"] * (1 + 1e-12)).all()
        assert (diagonals[f"fisher/{name}"] <= diagonals[f"upper/{name}"] * (1 + 1e-12)).all()


def test_labels_drawn_from_the_outputs_average_to_fisher():
    model, x = softmax_layer(3)
    p = torch.softmax(model(x), 1).detach()
    mean = sum(
        (p[:, [y]].numpy() * empirical_by_example(model, x, y)).mean(0) for y in range(3)
    )
    np.testing.assert_allclose(mean, estimate(model, x)[1]["fisher/bias"], rtol=1e-12)


def empirical_by_example(model, x, label):
    y = torch.tensor([label])
    return np.stack([estimate(model, row[None], labels=y)[1]["empirical/bias"] for row in x])


@pytest.mark.parametrize("gap", [1.0, 20.0, 60.0])
def test_nearly_one_hot_core_keeps_its_relative_accuracy(gap):
    logits = np.array([0.0, gap, 0.0])
    p, tail = reference.softmax(logits)[1], 2 * np.exp(-gap) / (1 + 2 * np.exp(-gap))
    eigenvalue, vector = reference.top_eigenpair(logits)
    assert eigenvalue == pytest.approx(p * (tail + tail / 2), rel=1e-12)  # a(t + b): equal tail entries
    assert vector[1] == pytest.approx(np.sqrt(2 / 3), rel=1e-12)
