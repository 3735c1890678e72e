"""Processes of a group: one publishes, and sharded weights are gathered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torch.distributed as dist
from conftest import FakeProducer, Mlp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import fisherwatch
from fisherwatch._options import Options
from fisherwatch._watch import Watch

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def group(tmp_path: Path) -> Any:
    """A group of one process, by gloo."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_data_parallel_models_are_looked_through(attach: Any, producer: Any, tmp_path: Path) -> None:
    model = Mlp()
    parallel = DistributedDataParallel(model)
    parallel(X).sum().backward()
    with attach(parallel, strict=True) as watch:
        watch.batch(X, step=0)
    weights = safetensors.torch.load_file(next((tmp_path / "store" / "r").glob("step-*")))
    assert set(weights) == set(model.state_dict())
    parallel(X).sum().backward()  # its hooks still work


def test_only_the_first_rank_publishes(
    producer: FakeProducer, model: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    watch = Watch(model, Options.of("r", tmp_path / "store", {"agent": None}), producer=producer)
    watch.checkpoint(0)
    watch.batch(X, step=0)
    watch.close()
    assert not producer.records and not (tmp_path / "store").exists() and watch.dropped == 0
    assert watch.stats().delivered == {}


def shard(model: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh

    try:
        from torch.distributed.fsdp import fully_shard
    except ImportError:
        pytest.skip("this PyTorch has no fully_shard")
    return fully_shard(model, mesh=init_device_mesh("cpu", (1,)))  # type: ignore[no-any-return]


@pytest.mark.usefixtures("group")
def test_a_sharded_model_is_refused_with_the_way_out(attach: Any) -> None:
    sharded = shard(Mlp())
    with pytest.raises(fisherwatch.ExportError, match=r"fisherwatch\.export\(model, example_inputs\)"):
        attach(sharded)
    with pytest.raises(fisherwatch.ExportError, match="Before it is sharded"):
        fisherwatch.export(sharded, X)


@pytest.mark.usefixtures("group")
def test_a_sharded_model_with_a_graph_is_gathered(attach: Any, producer: Any, tmp_path: Path) -> None:
    model = Mlp()
    whole = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    graph = fisherwatch.export(model, X)
    sharded = shard(model)
    with attach(sharded, graph, strict=True) as watch:
        watch.checkpoint(0)
        watch.batch(X, step=0)
    assert producer.types() == ["checkpoint", "batch", "run-ended"]
    weights = safetensors.torch.load_file(next((tmp_path / "store" / "r").glob("step-*")))
    assert set(weights) == set(whole)
    for name, tensor in whole.items():
        assert torch.equal(weights[name], tensor), name


def test_workers_of_a_loader_start_and_end_beside_a_watch(tmp_path: Path, model: nn.Module) -> None:
    """With Kafka's real client, whose threads a forked worker does not have; no broker listens there."""
    options = {"bootstrap_servers": "127.0.0.1:1", "agent": None, "close_timeout": 0.2}
    watch = fisherwatch.watch(model, run="r", store=tmp_path, example_inputs=X, **options)
    data = torch.utils.data.TensorDataset(torch.randn(32, 6))
    for _ in range(2):
        for step, (x,) in enumerate(torch.utils.data.DataLoader(data, batch_size=8, num_workers=2)):
            watch.batch(x, step=step)
    watch.close()
    assert watch.stats().dropped["lost-at-close"] == watch.dropped > 0
    assert os.getpid() == watch._pid
