"""The user's model beneath what wraps it, and who is to watch it among several processes."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from ._errors import ExportError

SHARDED = (
    "the model is sharded by FSDP, and a shard cannot be exported. Before it is sharded, on every rank: "
    "graph = fisherwatch.export(model, example_inputs); afterwards fisherwatch.watch(sharded, graph=graph, …), and "
    "call batch and checkpoint on every rank"
)


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside DistributedDataParallel, DataParallel and torch.compile."""
    while True:
        if isinstance(model, (DistributedDataParallel, DataParallel)):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            return model


def rank() -> str:
    """This process's number among those of its job; 0 if it is alone."""
    if dist.is_available() and dist.is_initialized():
        return str(dist.get_rank())
    return os.environ.get("RANK", "0")  # torchrun sets it before the group is made


def is_first_rank() -> bool:
    """Whether this process is the one of its group that publishes a run's checkpoints."""
    return rank() == "0"


def is_sharded(model: nn.Module) -> bool:
    """Whether parameters are sharded by either FSDP."""
    if any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules()):
        return True
    return any(hasattr(parameter, "full_tensor") for parameter in model.parameters())


def state(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers where they are, shared ones under their first name."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def full_state(model: nn.Module) -> Mapping[str, Tensor]:
    """The state of a sharded model, gathered on the first rank's host; empty on others. Every rank must call it."""
    try:
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    except ImportError as e:
        raise ExportError("gathering a model sharded by FSDP needs PyTorch 2.2 or later") from e
    gathered = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    return {name: value for name, value in gathered.items() if isinstance(value, Tensor)}
