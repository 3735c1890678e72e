"""`fisherwatch.exact`: the Fisher matrix of a model on a batch by plain autograd, to check an agent's figures with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._cores import ABOVE, EMPIRICAL, LIKELIHOODS, LOWER, REST, Core, core
from ._figures import CoreFigures, Exact, LayerFigures
from ._inputs import IGNORED, Batch, Inputs, Logits, logits_of
from ._model import unwrap
from ._parameters import Parameters, Rules
from ._spectrum import Spectrum

#: Gradients held at once where no chunk is given: 256 MB of float64.
_NUMBERS_AT_ONCE = 2**25


def exact(
    model: nn.Module,
    batch: Batch,
    *,
    labels: Tensor | None = None,
    likelihood: str = "categorical",
    sigma: float = 1.0,
    mask: Tensor | str | None = None,
    logits: Logits = None,
    layers: Rules = (),
    diagonal: bool = False,
    dtype: torch.dtype | None = torch.float64,
    chunk: int | None = None,
) -> Exact:
    """The trace of F, its envelopes and the empirical matrix, per layer, with nothing sampled.

    F is the mean over outputs of ``J' M J``: J the Jacobian of the logits with respect to every parameter that takes
    gradients, M the core matrix of the likelihood. It costs C + 3 backward passes for each output, so it is for batches
    and models of a size at which one can wait. The model itself is left alone: a copy of it is evaluated, in evaluation
    mode and in double precision, and nobody's ``.grad`` is touched.

    Args:
        model: a module or a TorchScript module; ``torch.compile`` and data-parallel wrappers are looked through.
        batch: the model's inputs; a tensor, a tuple in the order of ``forward``'s arguments, or a dict of keyword
            arguments, whose ``labels`` are taken as the labels and not given to the model. The first dimension of each
            tensor is the example.
        labels: [N], or [N, T] for logits [N, T, C]; classes, or -100 for an output that does not count.
        likelihood: ``categorical``, ``bernoulli`` (independent sigmoids) or ``gaussian``.
        sigma: the standard deviation of ``gaussian``.
        mask: [N] or [N, T], or the name of such a tensor of a dict; outputs where it is 0 do not count. Without
            it, those labelled -100 do not.
        logits: which of the model's results are the logits: an index, a key or attribute, or a function of the result.
            Without it: the result itself, its ``logits``, or the first of a tuple. They are [N, C] or [N, T, C].
        layers: rules ``{"name": ..., "match": ...}`` as in a checkpoint event; the first whose pattern is found in a
            parameter's name decides; else it is the path of the parameter's module.
        diagonal: whether to keep the diagonals of all parameters.
        dtype: what to evaluate in; None for the model's own precision, which some traced graphs need.
        chunk: cotangents in one backward pass; by default as many as keep gradients within 256 MB.

    Returns:
        The figures; printed, they are a table.

    Raises:
        ValueError: if the batch is empty or its shapes disagree, a categorical output has one class only, labels are no
            classes, logits are not finite, every output is masked, or no gradient arrives at any parameter.
        TypeError: if the logits cannot be found in what the model returns.
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"likelihood is {likelihood!r}; there are {', '.join(LIKELIHOODS)}")
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; a standard deviation is positive")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk is {chunk}; a backward pass needs a cotangent")
    parameters = Parameters(unwrap(model), layers, dtype)
    inputs = Inputs(batch, labels, mask, dtype)
    work = _Work(parameters, diagonal, chunk)
    cores: list[Core] = []
    labelled = inputs.labels is not None and likelihood == "categorical"
    classes = 0
    for example in range(inputs.examples):
        with torch.enable_grad():
            result = inputs.call(parameters.model, example)
        out = logits_of(result, logits)
        if out.dim() not in (2, 3) or out.shape[0] != 1:
            raise ValueError(
                f"logits of one example are {list(out.shape)}, not [1, C] or [1, T, C]; choose with logits="
            )
        rows = out.reshape(-1, out.shape[-1])
        classes = rows.shape[1]
        if classes < (2 if likelihood == "categorical" else 1):
            raise ValueError("the logits have a single class, whose probability is always 1; one sigmoid is bernoulli")
        if not rows.requires_grad:
            raise ValueError("no gradient arrives at any parameter; forward detaches the logits, or all are frozen")
        targets = inputs.targets(example, len(rows), classes, likelihood == "categorical")
        labelled = labelled and IGNORED not in [label for _, label in targets]
        values = rows.detach().to("cpu", torch.float64)
        for row, label in targets:
            if not bool(values[row].isfinite().all()):
                raise ValueError(f"logits of example {example} are not finite")
            known = label if labelled and label is not None else None
            cores.append(core(likelihood, values[row], known, sigma))
            work.add(rows[row], cores[-1])
    if not cores:
        raise ValueError("every output is masked: the mask is 0 everywhere, or all labels are -100")
    return _result(parameters, inputs.examples, classes, cores, labelled, work)


class _Work:
    """Sums of squares of gradients, for each part of the cores and each parameter."""

    def __init__(self, parameters: Parameters, diagonal: bool, chunk: int | None) -> None:
        self.spectrum = Spectrum()
        self.sums: dict[str, Tensor] = {}
        self._parameters = parameters
        self.diagonal = diagonal
        self._chunk = chunk or max(1, _NUMBERS_AT_ONCE // max(1, parameters.trained))
        self._batched = True

    def add(self, output: Tensor, core: Core) -> None:
        """Pulls an output's cotangents back and adds the squares of what arrives."""
        for cotangents, parts in zip(torch.split(core.cotangents, self._chunk), torch.split(core.parts, self._chunk)):
            gradients = self._parameters.named(self._pulled_back(output, cotangents.to(output)))
            if self.spectrum.is_open:
                in_fisher = (parts == LOWER) | (parts == REST)
                self.spectrum.add({name: g[in_fisher.to(g.device)] for name, g in gradients.items()})
            for name, gradient in gradients.items():
                squares = gradient.square()
                squares = squares if self.diagonal else squares.sum(1, keepdim=True)
                if name not in self.sums:
                    self.sums[name] = squares.new_zeros((4, squares.shape[1]))
                self.sums[name].index_add_(0, parts.to(squares.device), squares)

    def _pulled_back(self, output: Tensor, cotangents: Tensor) -> list[Tensor | None]:
        """Gradients [K, ...] of the tensors; all cotangents at once where autograd can, else one after another."""
        tensors = self._parameters.tensors
        if self._batched:
            try:
                return list(
                    torch.autograd.grad(
                        output, tensors, cotangents, retain_graph=True, allow_unused=True, is_grads_batched=True
                    )
                )
            except RuntimeError:  # an operator without a batching rule; what is wrong otherwise is raised below
                self._batched = False
        rows = [torch.autograd.grad(output, tensors, u, retain_graph=True, allow_unused=True) for u in cotangents]
        return [
            None if column[0] is None else torch.stack([g.to_dense() if g.is_sparse else g for g in column])
            for column in zip(*rows)
        ]


def _result(
    parameters: Parameters, examples: int, classes: int, cores: list[Core], labelled: bool, work: _Work
) -> Exact:
    count = len(cores)
    means = {name: sums.double() / count for name, sums in work.sums.items()}
    figures = {}
    for layer, names in parameters.layers.items():
        reached = [name for name in names if name in means]
        parts = sum((means[name].sum(1).cpu() for name in reached), torch.zeros(4, dtype=torch.float64)).tolist()
        rank, top = work.spectrum.of(reached, count)
        fisher = parts[LOWER] + parts[REST]
        figures[layer] = LayerFigures(
            layer=layer,
            parameters=sum(parameters.sizes[name] for name in names),
            covered=sum(parameters.sizes[name] for name in reached),
            lower=parts[LOWER],
            fisher=fisher,
            upper=fisher + parts[ABOVE],
            empirical=parts[EMPIRICAL] if labelled else None,
            gap_lower=parts[REST],
            gap_upper=parts[ABOVE],
            effective_rank=rank,
            top_eigenvalue=top,
        )
    probabilities = [c.max_probability for c in cores if c.max_probability is not None]
    return Exact(
        examples=examples,
        positions=count,
        classes=classes,
        parameters=figures["_total"].parameters,
        layers=figures,
        core=CoreFigures(
            trace=sum(c.trace for c in cores) / count,
            top_eigenvalue=sum(c.top_eigenvalue for c in cores) / count,
            max_probability=sum(probabilities) / count if probabilities else None,
            entropy=sum(c.entropy for c in cores) / count,
        ),
        aliases=parameters.aliases,
        diagonal=parameters.diagonals(means, labelled) if work.diagonal else None,
    )
