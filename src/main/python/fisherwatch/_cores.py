"""The information of a model's outputs, as cotangents whose squared gradients make up F and its envelopes.

An output ``z`` of C logits has a core matrix ``M``: ``diag(p) - p p'`` of a softmax, diagonal of independent
sigmoids and of Gaussians. Written as a sum of ``u u'``, what it contributes to the diagonal of F is the sum of
the squares of ``J'u``, J its Jacobian. No square is ever subtracted, so lower <= F <= upper holds to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LIKELIHOODS = ("categorical", "bernoulli", "gaussian")

#: What a square is part of: the lower envelope, the rest of F, the rest of the upper envelope, the labels' matrix.
LOWER, REST, ABOVE, EMPIRICAL = range(4)


@dataclass(frozen=True)
class Core:
    """One output's core matrix, split.

    Attributes:
        cotangents: [K, C], float64.
        parts: [K], int64, what each belongs to (``LOWER``, ``REST``, ``ABOVE``, ``EMPIRICAL``).
        trace, top_eigenvalue: of the core matrix.
        max_probability: of a softmax the largest, of sigmoids their mean certainty; of Gaussians ``None``.
        entropy: of the output's distribution, in nats.
    """

    cotangents: Tensor
    parts: Tensor
    trace: float
    top_eigenvalue: float
    max_probability: float | None
    entropy: float


def core(likelihood: str, logits: Tensor, label: int | None, sigma: float) -> Core:
    """The core of one output, its logits [C] in float64 on the CPU, its label if it has one."""
    if likelihood == "categorical":
        return _categorical(logits, label)
    if likelihood == "bernoulli":
        small = torch.exp(-logits.abs())
        entropy = (torch.log1p(small) + logits.abs() * small / (1 + small)).sum()
        return _independent(small / (1 + small) ** 2, float((1 / (1 + small)).mean()), float(entropy))
    entropy_of_one = 0.5 * math.log(2 * math.pi * math.e * sigma**2)
    return _independent(torch.full_like(logits, sigma**-2), None, len(logits) * entropy_of_one)


def _independent(variances: Tensor, max_probability: float | None, entropy: float) -> Core:
    """A diagonal core is its own upper envelope; its largest entry, the first of equal ones, the lower one."""
    top = int(variances.argmax())
    parts = torch.full((len(variances),), REST)
    parts[top] = LOWER
    return Core(
        torch.diag(variances.sqrt()), parts, float(variances.sum()), float(variances[top]), max_probability, entropy
    )


def _categorical(logits: Tensor, label: int | None) -> Core:
    """diag(p) - p p' is the sum of u u' over u = sqrt(p_i) (e_i - p); LOWER is its top part, REST what is left."""
    log_p = torch.log_softmax(logits, 0)
    p = log_p.exp()
    likeliest = int(logits.argmax())
    tail = p.clone()
    tail[likeliest] = 0
    mass = tail.sum()  # 1 - max p cancels where p is nearly one-hot
    others = p.sum() - p
    others[likeliest] = mass
    errors = -p.repeat(len(p), 1)  # e_i - p
    errors.diagonal().copy_(others)
    top, vector = _top_eigenpair(logits, p, others)
    parts = p.sqrt()[:, None] * errors
    rest = parts - torch.outer(parts @ vector, vector)
    labelled = [] if label is None else [errors[label][None]]
    return Core(
        torch.cat([top.sqrt() * vector[None], rest, p[None], *labelled]),
        torch.tensor([LOWER] + [REST] * len(p) + [ABOVE] + [EMPIRICAL] * len(labelled)),
        float(2 * p[likeliest] * mass + mass**2 - (tail**2).sum()),
        float(top),
        float(p[likeliest]),
        float(-(p * torch.where(p > 0, log_p, 0.0)).sum()),
    )


def _top_eigenpair(logits: Tensor, p: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """The largest eigenvalue of diag(p) - p p' and its unit vector; `others` is 1 - p.

    On a tie of the largest probability the eigenvalue is that probability and every zero-sum vector on the tied
    classes an eigenvector; as in the agent it is (e_i - e_j) / sqrt 2 of the two lowest.
    """
    tied = (logits == logits.max()).nonzero().flatten().tolist()
    if len(tied) == 1 and others[tied[0]] > 0:
        matrix = -torch.outer(p, p)
        matrix.diagonal().copy_(p * others)
        values, vectors = torch.linalg.eigh(matrix)
        return values[-1], vectors[:, -1]
    first, second = tied[:2] if len(tied) > 1 else (tied[0], 0 if tied[0] else 1)
    vector = torch.zeros_like(p)
    vector[first], vector[second] = math.sqrt(0.5), -math.sqrt(0.5)
    return (p[first] if len(tied) > 1 else torch.zeros_like(p[first])), vector
