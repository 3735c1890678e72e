"""The Fisher matrix of a classifier and its envelopes, by definition, in float64.

For every example (for every unmasked position of a token model) the Jacobian of the logits is written
out in full, and with it the diagonals of

    fisher     mean of J' (diag(p) - p p') J
    lower      mean of  l (v'J)' (v'J),  (l, v) the top eigenpair of diag(p) - p p'   (arXiv 2505.13614, "LR")
    upper      mean of J' diag(p) J                                                  (the same, "DG")
    empirical  mean of J' (e_y - p)(e_y - p)' J,  y the label

Nothing is sampled, so the numbers are good to about 1e-12 and cost C backward passes per example. A
trace is the sum of its diagonal. Jacobians are shifted by their row of the likeliest class, which
changes none of the first two matrices (their cores annihilate constants) and keeps them exact where
p is nearly one-hot.
"""

import collections
import copy
import re

import numpy as np
import torch

IGNORED = -100
ESTIMATES = ("fisher", "lower", "upper", "empirical")

Core = collections.namedtuple("Core", "fisher lower upper empirical trace top max_probability entropy")


def top_eigenpair(logits):
    """The largest eigenvalue of diag(p) - p p' and its unit vector, the entry at the likeliest class positive.

    On an exact tie: the largest probability, and (e_i - e_j)/sqrt 2 of the two lowest tied classes.
    """
    p = softmax(logits)
    tied = np.flatnonzero(logits == logits.max())
    likeliest = tied[0]
    others = np.array([np.delete(p, i).sum() for i in range(len(p))])
    vector = np.zeros(len(p))
    if len(tied) > 1 or others[likeliest] == 0:
        second = tied[1] if len(tied) > 1 else (1 if likeliest == 0 else 0)
        vector[likeliest], vector[second] = np.sqrt(0.5), -np.sqrt(0.5)
        return (p[likeliest] if len(tied) > 1 else 0.0), vector
    matrix = -np.outer(p, p)
    np.fill_diagonal(matrix, p * others)  # p - p^2 without its cancellation
    values, vectors = np.linalg.eigh(matrix)
    return values[-1], vectors[:, -1] * np.sign(vectors[likeliest, -1])


def softmax(logits):
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()


def categorical(logits, label, jacobian):
    p = softmax(logits)
    likeliest = int(np.argmax(logits))
    tail = np.delete(p, likeliest)
    shifted = jacobian - jacobian[likeliest]
    mean = p @ shifted
    eigenvalue, vector = top_eigenpair(logits)
    log_p = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
    return Core(
        fisher=np.maximum(p @ shifted**2 - mean**2, 0),
        lower=eigenvalue * (vector @ shifted) ** 2,
        upper=p @ jacobian**2,
        empirical=None if label is None else (shifted[label] - mean) ** 2,
        trace=2 * p[likeliest] * tail.sum() + tail.sum() ** 2 - (tail**2).sum(),
        top=eigenvalue,
        max_probability=p[likeliest],
        entropy=-(p * np.where(p > 0, log_p, 0)).sum(),
    )


def independent(variances, jacobian, max_probability, entropy):
    """Outputs whose core matrix is diagonal: it is its own upper envelope, its largest entry the lower one."""
    top = int(np.argmax(variances))
    fisher = variances @ jacobian**2
    lower = variances[top] * jacobian[top] ** 2
    return Core(fisher, lower, fisher, None, variances.sum(), variances[top], max_probability, entropy)


def bernoulli(logits, jacobian):
    small = np.exp(-np.abs(logits))
    entropy = (np.log1p(small) + np.abs(logits) * small / (1 + small)).sum()
    return independent(small / (1 + small) ** 2, jacobian, (1 / (1 + small)).mean(), entropy)


def gaussian(sigma, logits, jacobian):
    entropy = len(logits) * 0.5 * np.log(2 * np.pi * np.e * sigma**2)
    return independent(np.full(len(logits), sigma**-2.0), jacobian, None, entropy)


def distinct_parameters(model):
    """{first name: tensor} over storages, and {further name: first name}."""
    firsts, names, aliases = {}, {}, {}
    for name, tensor in model.named_parameters(remove_duplicate=False):
        first = firsts.setdefault(tensor.data_ptr(), name)
        if first == name:
            names[name] = tensor
        else:
            aliases[name] = first
    return names, aliases


def layer_of(parameter, rules):
    for rule in rules:
        if re.search(rule["match"], parameter):
            return rule["name"]
    return parameter.rpartition(".")[0] or parameter  # the root's own parameters stand alone


def double_copy(model):
    return copy.deepcopy(model).double()


def jacobian_rows(outputs, parameters):
    """d outputs / d parameters as one array [outputs, scalars], and which parameters are reached."""
    gradients = torch.autograd.grad(
        outputs, parameters, torch.eye(len(outputs), dtype=outputs.dtype), is_grads_batched=True, allow_unused=True
    )
    blocks = [
        np.zeros((len(outputs), p.numel())) if g is None else g.reshape(len(outputs), -1).numpy()
        for p, g in zip(parameters, gradients)
    ]
    return np.concatenate(blocks, axis=1), [g is not None for g in gradients]


def estimate(model, inputs, select, labels=None, mask=None, likelihood="categorical", sigma=None, rules=()):
    """All figures of a model on a batch.

    model: in any precision; evaluated in float64 and in evaluation mode. inputs: tensors in the order of
    forward's arguments. select: picks the logits from what forward returns. labels, mask: tensors [N]
    or [N, T]. Returns (figures as JSON has them, {"fisher/<parameter>": diagonal}).
    """
    model = double_copy(model).eval()
    inputs = [x.double() if x.is_floating_point() else x for x in inputs]
    named, aliases = distinct_parameters(model)
    trained = {name: p for name, p in named.items() if p.requires_grad}
    sums, cores, reached, classes = {}, [], set(), 0
    labelled = labels is not None and likelihood == "categorical"
    for example in range(len(inputs[0])):
        logits = select(model(*[x[example : example + 1] for x in inputs]))[0]
        rows = logits.reshape(-1, logits.shape[-1])
        classes = rows.shape[1]
        of_rows = [None] * len(rows) if labels is None else labels[example].reshape(-1).tolist()
        if mask is not None:
            kept = mask[example].reshape(-1) != 0
        else:
            kept = torch.tensor([label != IGNORED for label in of_rows])
        if not kept.any():
            continue
        jacobian, path = jacobian_rows(rows[kept].reshape(-1), list(trained.values()))
        reached.update(name for name, there in zip(trained, path) if there)
        jacobian = jacobian.reshape(int(kept.sum()), classes, -1)
        values = rows[kept].detach().numpy()
        for row, position in enumerate(torch.nonzero(kept).flatten().tolist()):
            if likelihood == "categorical":
                core = categorical(values[row], of_rows[position] if labelled else None, jacobian[row])
            elif likelihood == "bernoulli":
                core = bernoulli(values[row], jacobian[row])
            else:
                core = gaussian(sigma, values[row], jacobian[row])
            for kind in ESTIMATES:
                diagonal = getattr(core, kind)
                if diagonal is not None:
                    sums[kind] = sums.get(kind, 0) + diagonal
            cores.append(core)
    sizes = [p.numel() for p in trained.values()]
    diagonals = {}
    for kind, total in sums.items():
        for (name, p), block in zip(trained.items(), np.split(total / len(cores), np.cumsum(sizes)[:-1])):
            diagonals[f"{kind}/{name}"] = block.reshape(tuple(p.shape))
    layers = collections.OrderedDict({"_total": list(named)})
    for name in named:
        layers.setdefault(layer_of(name, rules), []).append(name)
    mean = lambda field: float(np.mean([getattr(core, field) for core in cores]))
    figures = {
        "examples": len(inputs[0]),
        "positions": len(cores),
        "classes": classes,
        "parameters": sum(p.numel() for p in named.values()),
        "aliases": aliases,
        "core": {
            "trace": mean("trace"),
            "topEigenvalue": mean("top"),
            "maxProbability": None if likelihood == "gaussian" else mean("max_probability"),
            "entropy": mean("entropy"),
        },
        "layers": [
            {
                "layer": layer,
                "parameters": sum(named[name].numel() for name in names),
                "covered": sum(named[name].numel() for name in names if name in reached),
                "trace": {
                    kind: float(sum(diagonals[f"{kind}/{name}"].sum() for name in names if name in trained))
                    if kind in sums
                    else None
                    for kind in ESTIMATES
                },
            }
            for layer, names in layers.items()
        ],
    }
    return figures, diagonals
