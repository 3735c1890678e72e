"""The trace of F by its definition: every example, every class, one backward pass each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor, nn


def fisher_traces(model: nn.Module, logits: Callable[[], Tensor]) -> dict[str, float]:
    """Mean over examples of E[|d log p(y)|^2], y drawn from the model's own softmax, per module path and `_total`."""
    names, parameters = zip(*((n, p) for n, p in model.named_parameters() if p.requires_grad))
    traces: dict[str, float] = defaultdict(float)
    log_p = logits().log_softmax(1)
    for row in log_p:
        for entry in row:
            gradients = torch.autograd.grad(entry, parameters, retain_graph=True, allow_unused=True)
            for name, gradient in zip(names, gradients):
                if gradient is not None:
                    share = float(entry.detach().exp()) * float(gradient.double().square().sum()) / len(log_p)
                    traces[name.rpartition(".")[0]] += share
                    traces["_total"] += share
    return dict(traces)
