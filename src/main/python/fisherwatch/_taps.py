"""Taps: where a network's gradients can be taken example by example from one backward pass.

A *tap* is one call of a layer: its output ``y``, at which autograd gives ``delta``, the gradient of the logits'
cotangent, and what the layer has made of its input. From these the gradient of the layer's parameters follows for every
example of the batch by itself, by the parameter's *rule*. Rules stand below, each with its contraction; the Java side
(``io.fisherwatch.djl.TapRules``) holds the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Role:
    """How one parameter's gradient follows from taps.

    ``linear``: sum of delta' a. ``transposed``: of a' delta. ``convolution``: of delta' patches(a); its options are
    stride, padding, dilation (two numbers each) and groups. ``embedding``: delta's rows, summed by token; its option is
    the token of padding, -1 for none. ``scale``: sum of delta * a; ``shift``: sum of delta; their option is 1 if the
    channels follow the example, 0 if they come last. ``unused``: no gradient, and no taps.
    """

    parameter: str
    rule: str
    taps: tuple[int, ...] = ()
    options: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    """What is known of the taps once the network has run: the same for every batch size.

    ``shared[i]`` says that tap i is computed once for all examples, as embeddings of positions are; ``changed[i]`` that
    its output or its input is changed in place afterwards.
    """

    roles: tuple[Role, ...]
    shared: tuple[bool, ...]
    changed: tuple[bool, ...]


class NoRuleError(Exception):
    """Why a network cannot be tapped, in words that name the layer or the parameter."""


@dataclass
class _Call:
    module: nn.Module
    name: str
    output: Tensor
    features: Tensor
    versions: tuple[int, int] = (0, 0)


def tapped_layers(module: nn.Module) -> dict[nn.Module, str]:
    """The layers that own a parameter which takes a gradient, with their names; all of them must have a rule."""
    names = _parameter_names(module)
    layers: dict[nn.Module, str] = {}
    for name, layer in module.named_modules():
        own = [p for p in layer.parameters(recurse=False) if p.requires_grad]
        if own:
            if not list(_rules(layer)):
                kind = type(layer).__name__
                raise NoRuleError(
                    f"parameter '{names[id(own[0])]}' belongs to {_quoted(name)} ({kind}), which has no rule"
                )
            layers[layer] = name
    return layers


def find_layout(module: nn.Module, inputs: tuple[Tensor, ...], more: tuple[Tensor, ...]) -> Layout:
    """Runs the network on two batches of different size and finds what can be tapped."""
    layers = tapped_layers(module)
    first, second = _calls(module, layers, inputs), _calls(module, layers, more)
    if [c.name for c in first] != [c.name for c in second]:
        raise NoRuleError("the layers that are called change with the number of examples")
    sizes = inputs[0].shape[0], more[0].shape[0]
    shared = tuple(_is_shared(a, b, sizes) for a, b in zip(first, second))
    changed = tuple((c.output._version, c.features._version) != c.versions for c in first)
    return Layout(tuple(_roles(module, first)), shared, changed)


@contextmanager
def recording(module: nn.Module, layout: Layout, like: Tensor, taps: list[Tensor]) -> Iterator[None]:
    """While open, calls of the network append each tap's output and features to ``taps``.

    ``like`` has as many examples as the batch, which outputs shared by all of them are expanded to.
    """
    handles = []
    layers = tapped_layers(module)

    def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> Tensor:
        index = len(taps) // 2
        features = _features(layer, args, kwargs)
        if layout.shared[index]:
            output, features = _expanded(output, like), _expanded(features, like)
        if layout.changed[index]:
            features = features.clone()
        taps.extend((output, features))
        return output.clone() if layout.changed[index] else output

    try:
        for layer in layers:
            handles.append(layer.register_forward_hook(hook, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def contract(role: Role, delta: Tensor, features: Tensor, shape: torch.Size) -> Tensor:
    """The parameter's gradient from one tap of one example, of which ``delta`` and ``features`` are."""
    rule = role.rule
    if rule == "embedding":
        rows = delta.reshape(-1, shape[1])
        tokens = features.reshape(-1)
        kept = tokens != role.options[0]
        return torch.zeros(shape, dtype=delta.dtype, device=delta.device).index_add_(0, tokens[kept], rows[kept])
    if rule == "convolution":
        return _convolution(role, delta, features, shape)
    if rule in ("scale", "shift"):
        product = delta * features if rule == "scale" else delta
        if role.options[0]:
            return product.reshape(shape[0], -1).sum(1)
        return product.reshape(-1, shape.numel()).sum(0).reshape(shape)
    rows, columns = (delta, features) if rule == "linear" else (features, delta)
    return rows.reshape(-1, shape[0]).t() @ columns.reshape(-1, shape[1])


def _convolution(role: Role, delta: Tensor, features: Tensor, shape: torch.Size) -> Tensor:
    stride, padding, dilation, groups = role.options[0:2], role.options[2:4], role.options[4:6], role.options[6]
    flat = features.unsqueeze(-2) if len(shape) == 3 else features
    kernel = (1, shape[2]) if len(shape) == 3 else (shape[2], shape[3])
    patches = functional.unfold(flat.unsqueeze(0), kernel, dilation, padding, stride)[0]
    rows = delta.reshape(groups, shape[0] // groups, -1)
    return (rows @ patches.reshape(groups, -1, patches.shape[-1]).transpose(1, 2)).reshape(shape)


def _calls(module: nn.Module, layers: dict[nn.Module, str], inputs: tuple[Tensor, ...]) -> list[_Call]:
    calls: list[_Call] = []

    def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        features = _features(layer, args, kwargs)
        calls.append(_Call(layer, layers[layer], output, features, (output._version, features._version)))

    handles = [layer.register_forward_hook(hook, with_kwargs=True) for layer in layers]
    try:
        with torch.no_grad():
            module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _is_shared(first: _Call, second: _Call, sizes: tuple[int, int]) -> bool:
    shapes = first.output.shape, second.output.shape
    given = first.features.shape, second.features.shape
    if any(len(shape) == 0 for shape in (*shapes, *given)):
        raise NoRuleError(f"layer {_quoted(first.name)} gives a scalar")
    by_example = all(shape[0] == size for shape, size in zip(shapes, sizes))
    if by_example and all(shape[0] == size for shape, size in zip(given, sizes)):
        return False
    if shapes[0] == shapes[1] and given[0] == given[1]:
        return True
    raise NoRuleError(
        f"layer {_quoted(first.name)} does not have the examples as its first dimension: it gives"
        f" {list(shapes[0])} for {sizes[0]} of them and {list(shapes[1])} for {sizes[1]}"
    )


def _roles(module: nn.Module, calls: list[_Call]) -> Iterator[Role]:
    found: dict[int, list[tuple[str, tuple[int, ...], int]]] = {}
    for index, call in enumerate(calls):
        for parameter, rule, options in _rules(call.module):
            if parameter.requires_grad:
                found.setdefault(id(parameter), []).append((rule, options, index))
    for identity, name in _parameter_names(module).items():
        uses = found.get(identity, [])
        kinds = {(rule, options) for rule, options, _ in uses}
        if len(kinds) > 1:
            rules = " and ".join(sorted({rule for rule, _ in kinds}))
            raise NoRuleError(f"parameter '{name}' is used in different ways: {rules}")
        if uses:
            yield Role(name, uses[0][0], tuple(index for _, _, index in uses), uses[0][1])
        else:
            yield Role(name, "unused")


def _rules(layer: nn.Module) -> Iterator[tuple[nn.Parameter, str, tuple[int, ...]]]:
    """Each parameter of a layer with its rule and options; nothing if the layer has none, or one parameter too many."""
    rules = list(_known_rules(layer))
    own = {id(p) for p in layer.parameters(recurse=False)}
    if own == {id(parameter) for parameter, _, _ in rules}:
        yield from rules


def _known_rules(layer: nn.Module) -> Iterator[tuple[nn.Parameter, str, tuple[int, ...]]]:
    bias = layer._parameters.get("bias")
    weight: Any = layer._parameters.get("weight")
    channels_first = False
    if weight is None and not isinstance(layer, (nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d)):
        return
    if isinstance(layer, nn.Linear):
        yield weight, "linear", ()
    elif type(layer).__name__ == "Conv1D" and weight.dim() == 2:
        yield weight, "transposed", ()  # of transformers.pytorch_utils
    elif isinstance(layer, nn.Embedding):
        if layer.max_norm is None and not layer.scale_grad_by_freq and not layer.sparse:
            yield weight, "embedding", (-1 if layer.padding_idx is None else layer.padding_idx,)
    elif isinstance(layer, nn.LayerNorm):
        if weight is not None:
            yield weight, "scale", (0,)
    elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
        channels_first = True
        if layer.running_mean is None:
            return
        if weight is not None:
            yield weight, "scale", (1,)
    elif isinstance(layer, (nn.Conv1d, nn.Conv2d)):
        channels_first = True
        options = _convolution_options(layer)
        if options is None:
            return
        yield weight, "convolution", options
    else:
        return
    if bias is not None:
        yield bias, "shift", (int(channels_first),)


def _convolution_options(layer: nn.Conv1d | nn.Conv2d) -> tuple[int, ...] | None:
    if layer.padding_mode != "zeros":
        return None
    kernel, dilation, stride = _pair(layer.kernel_size, 1), _pair(layer.dilation, 1), _pair(layer.stride, 1)
    if isinstance(layer.padding, str):
        total = [d * (k - 1) if layer.padding == "same" else 0 for d, k in zip(dilation, kernel)]
        if any(t % 2 for t in total):
            return None
        padding = (total[0] // 2, total[1] // 2)
    else:
        padding = _pair(layer.padding, 0)
    return (*stride, *padding, *dilation, layer.groups)


def _pair(values: tuple[int, ...], first: int) -> tuple[int, int]:
    return (first, values[0]) if len(values) == 1 else (values[0], values[1])


def _features(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """What the layer's scale is multiplied with: its input, normalised where the layer does that."""
    given = args[0] if args else next(iter(kwargs.values()))
    if not isinstance(given, Tensor):
        raise NoRuleError(f"a {type(layer).__name__} is called with {type(given).__name__}, not with a tensor")
    if isinstance(layer, nn.LayerNorm):
        return functional.layer_norm(given.detach(), layer.normalized_shape, None, None, layer.eps)
    if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
        mean, variance = layer.running_mean, layer.running_var
        return functional.batch_norm(given.detach(), mean, variance, None, None, False, 0.0, layer.eps)
    return given


def _expanded(shared: Tensor, like: Tensor) -> Tensor:
    """A view with as many examples as ``like`` has."""
    value = shared if shared.shape[0] == 1 else shared.unsqueeze(0)
    return value.expand(like.size(0), *[-1] * (value.dim() - 1))


def _parameter_names(module: nn.Module) -> dict[int, str]:
    return {id(p): name for name, p in module.named_parameters() if p.requires_grad}


def _quoted(name: str) -> str:
    return f"'{name}'" if name else "the model itself"
