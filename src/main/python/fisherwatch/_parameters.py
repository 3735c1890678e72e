"""A model's distinct parameters and the layers that they fall into, named as the agent names them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

Rules = Sequence[Mapping[str, str]]


def distinct(model: nn.Module) -> dict[str, list[str]]:
    """Every parameter under the first of its names, with all its names.

    Names that share storage are one parameter, also where they are different tensor objects, as in loaded graphs.
    """
    groups: dict[object, list[str]] = {}
    for name, tensor in model.named_parameters(remove_duplicate=False):
        storage = tensor.data_ptr() if tensor.numel() and tensor.device.type != "meta" else 0
        groups.setdefault((tensor.device, storage) if storage else id(tensor), []).append(name)
    return {names[0]: names for names in groups.values()}


def layer_of(parameter: str, rules: Rules) -> str:
    """The name of the first rule that is found in a parameter's name, or else the path of its module."""
    for rule in rules:
        if re.search(rule["match"], parameter):
            return rule["name"]
    return parameter.rpartition(".")[0] or parameter  # the root's own parameters stand alone


def _copy(model: nn.Module, dtype: torch.dtype | None) -> nn.Module:
    """A copy in evaluation mode whose parameters are leaves.

    A graph's copied parameters would be results of the original's, and their gradients rounded to its precision.
    """
    with torch.no_grad():
        made = copy.deepcopy(model).eval()
        if dtype is not None:
            made.to(dtype)
    originals = dict(model.named_parameters(remove_duplicate=False))
    for name, tensor in made.named_parameters(remove_duplicate=False):
        tensor.requires_grad_(originals[name].requires_grad)
    return made


class Parameters:
    """A copy of a model to differentiate, and what its gradients belong to.

    Attributes:
        model: the copy, in evaluation mode.
        layers: names of distinct parameters by layer, ``_total`` first.
        sizes: scalars of each distinct parameter.
        aliases: further names of shared parameters, each with the first.
        tensors: what to differentiate with respect to.
        trained: scalars of it.
    """

    def __init__(self, model: nn.Module, rules: Rules, dtype: torch.dtype | None) -> None:
        for rule in rules:
            if rule["name"].startswith("_"):
                raise ValueError(f"layer {rule['name']!r}: names that begin with _ are reserved")
        groups = distinct(model)  # of the model itself: a change of precision breaks storages apart
        self.model = _copy(model, dtype)
        found = dict(self.model.named_parameters(remove_duplicate=False))
        self.sizes = {name: found[name].numel() for name in groups}
        self.shapes = {name: found[name].shape for name in groups}
        self.aliases = {alias: first for first, names in groups.items() for alias in names[1:]}
        self.layers: dict[str, list[str]] = {"_total": list(groups)}
        for name in groups:
            self.layers.setdefault(layer_of(name, rules), []).append(name)
        self.tensors: list[Tensor] = []
        self._owners: list[str] = []
        for first, names in groups.items():
            if found[first].requires_grad:
                objects = list({id(found[name]): found[name] for name in names}.values())
                self.tensors += objects
                self._owners += [first] * len(objects)
        if not self.tensors:
            raise ValueError("no parameter takes gradients; requires_grad_() those that F is to be of")
        self.trained = sum(self.sizes[name] for name in set(self._owners))

    def named(self, gradients: Sequence[Tensor | None]) -> dict[str, Tensor]:
        """Gradients [K, ...] of `tensors` as [K, scalars] by parameter, summed over a parameter's objects."""
        by_name: dict[str, Tensor] = {}
        for owner, gradient in zip(self._owners, gradients):
            if gradient is not None:
                flat = gradient.detach().reshape(gradient.shape[0], self.sizes[owner])
                by_name[owner] = by_name[owner] + flat if owner in by_name else flat
        return by_name

    def diagonals(self, means: Mapping[str, Tensor], labelled: bool) -> dict[str, Tensor]:
        """Diagonals by ``estimate/parameter`` from the means of the parts; zeros where no gradient arrived."""
        diagonals = {}
        for name in dict.fromkeys(self._owners):
            parts = means[name] if name in means else torch.zeros((4, self.sizes[name]), dtype=torch.float64)
            lower, rest, above, empirical = (part.reshape(self.shapes[name]) for part in parts)
            diagonals[f"lower/{name}"] = lower
            diagonals[f"fisher/{name}"] = lower + rest
            diagonals[f"upper/{name}"] = lower + rest + above
            if labelled:
                diagonals[f"empirical/{name}"] = empirical
        return diagonals
