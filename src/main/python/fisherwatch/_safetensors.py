"""Writing safetensors as a stream: no second copy in memory, hashed on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

DTYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
}


class Sink(Protocol):
    """Anything that takes bytes."""

    def write(self, data: memoryview, /) -> object:
        """Takes all of them."""


def write(tensors: Mapping[str, Tensor], sink: Sink) -> None:
    """Writes tensors of the host, the widest types first so that each is aligned.

    Raises:
        ValueError: a tensor's type is not among those that the agent reads.
    """
    header: dict[str, object] = {}
    offset = 0
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in DTYPES:
            raise ValueError(f"'{name}' is of {tensor.dtype}, which the agent does not read; convert it")
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    sink.write(memoryview(len(text).to_bytes(8, "little") + text))
    for name in order:
        if tensors[name].numel():
            flat = tensors[name].contiguous().reshape(-1)
            sink.write(memoryview(flat.view(torch.uint8).numpy().data))
