"""One run by many processes: what each publishes, and that their batches name checkpoints that are there."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import topic
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from conftest import FakeProducer, Mlp
from installation import Installation, until
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import fisherwatch
from fisherwatch._options import Options
from fisherwatch._shards import FILE, HeardSteps, Role, ToldSteps
from fisherwatch._store import Store
from fisherwatch._watch import Watch

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))
LABELS = torch.tensor([0, 1, 2, 0, 1])


@pytest.fixture
def ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes watches of several ranks in this process, each with a producer of its own."""
    watches: list[Watch] = []

    def attach(rank: int, graph: Any = None, **options: Any) -> tuple[Watch, FakeProducer]:
        monkeypatch.setenv("RANK", str(rank))
        torch.manual_seed(1)
        producer = FakeProducer()
        given = {"agent": None, "shard": "rank", "strict": True, **options}
        watches.append(Watch(Mlp(), Options.of("r", tmp_path / "store", given), graph, None, producer))
        return watches[-1], producer

    yield attach
    for watch in watches:
        watch._close(None, 5)


def received(producer: FakeProducer) -> list[topic.Received]:
    return [topic.decode(r["key"].encode(), r["value"], r["headers"]) for r in producer.records]


def summary(producer: FakeProducer) -> list[tuple[Any, ...]]:
    """Topic, kind, step and, of batches, shard and the checkpoint's step."""
    return [
        (record["topic"], event.kind, event.step, *([event.shard, event.checkpoint_step] if event.shard else []))
        for record, event in zip(producer.records, received(producer))
    ]


def test_a_rank_alone_publishes_its_batches_and_the_checkpoints(ranks: Any) -> None:
    watch, producer = ranks(0)
    with watch:
        watch.checkpoint(0)
        watch.batch(X, LABELS, step=0)
        until("published", lambda: watch.stats().delivered == {"checkpoint": 1, "batch": 1})
        watch.checkpoint(4)
        watch.batch(X, LABELS, step=5)
    assert summary(producer) == [
        ("training-events-checkpoints", "checkpoint", 0),
        ("training-events", "batch", 0, "rank-0", 0),
        ("training-events-checkpoints", "checkpoint", 4),
        ("training-events", "batch", 5, "rank-0", 4),
        ("training-events-checkpoints", "run-ended", 5),
    ]
    assert [r["key"] for r in producer.records] == ["r", "r/rank-0", "r", "r/rank-0", "r"]
    assert {r["headers"]["ce_subject"] for r in producer.records} == {b"r"}


def test_another_rank_publishes_batches_alone(ranks: Any, tmp_path: Path) -> None:
    first, _ = ranks(0, checkpoints_in_flight=2)
    second, producer = ranks(1)
    for watch in (first, second):
        watch.checkpoint(0)
        watch.batch(X, LABELS, step=0)
        watch.checkpoint(4)
        watch.batch(X * 2, LABELS, step=5)
    first.close()
    second.close()
    assert summary(producer) == [
        ("training-events", "batch", 0, "rank-1", 0),
        ("training-events", "batch", 5, "rank-1", 4),
    ]
    assert torch.equal(received(producer)[1].tensors["features"], X * 2)
    assert second.stats().delivered == {"batch": 2} and not second.stats().dropped
    assert len(list((tmp_path / "store" / "r").glob("step-*"))) == 2


def test_without_a_checkpoint_the_first_batch_of_the_first_rank_brings_one_for_all(ranks: Any) -> None:
    first, _ = ranks(0)
    second, producer = ranks(1)
    for watch in (second, first):
        for step in (7, 8):
            watch.batch(X, step=step)
    first.close()
    second.close()
    assert summary(producer) == [("training-events", "batch", s, "rank-1", 7) for s in (7, 8)]


def test_a_batch_waits_for_the_checkpoint_that_the_first_rank_is_writing(ranks: Any) -> None:
    looked: list[int] = []
    monkeypatch = pytest.MonkeyPatch()
    first, slow = ranks(0)
    second, producer = ranks(1)
    slow.held.clear()
    for watch in (first, second):
        watch.checkpoint(0)
        watch.batch(X, step=3)
    until("it is the batch's turn", lambda: second._worker.waiting == 0)
    monkeypatch.setattr(producer, "poll", lambda _: looked.append(0) or 0)
    until("the worker thread has looked more than once", lambda: len(looked) > 2)
    assert not producer.records
    monkeypatch.undo()
    slow.held.set()
    until("the batch is out", lambda: len(producer.records) == 1)
    assert summary(producer) == [("training-events", "batch", 3, "rank-1", 0)]


def test_a_checkpoint_that_was_given_up_leaves_every_rank_with_the_one_before(ranks: Any) -> None:
    first, told = ranks(0, strict=False)
    second, producer = ranks(1, patience=5.0)
    for watch in (first, second):
        watch.checkpoint(0)
        watch.batch(X, step=0)
    until("published", lambda: first.stats().delivered.get("batch") == 1)
    slot = first._free.popleft()  # as if the one before were still being written
    for watch in (first, second):
        watch.checkpoint(10)
        watch.batch(X, step=11)
        watch.batch(X, step=12)
    until("both batches are out", lambda: len(producer.records) == 3)
    first._free.append(slot)
    for watch in (first, second):
        watch.checkpoint(20)
        watch.batch(X, step=21)
    first.close()
    second.close()
    assert first.stats().dropped == {"checkpoint-in-flight": 1} and not second.stats().dropped
    for records, rank in ((told, "rank-0"), (producer, "rank-1")):
        batches = [event for event in received(records) if event.kind == "batch"]
        assert [(e.step, e.checkpoint_step, e.shard) for e in batches] == [
            (0, 0, rank), (11, 0, rank), (12, 0, rank), (21, 20, rank)
        ]  # fmt: skip


def test_a_first_batch_that_was_of_no_use_to_the_first_rank_costs_the_others_only_theirs(ranks: Any) -> None:
    first, _ = ranks(0)
    second, producer = ranks(1, strict=False)
    first.batch(X, step=6)  # as if that of step 5 had been of no use
    first.close()
    for step in (5, 6, 7):
        second.batch(X, step=step)
    second.close()
    assert summary(producer) == [("training-events", "batch", s, "rank-1", 6) for s in (6, 7)]
    assert second.stats().dropped == {"no-checkpoint": 1}


def test_a_rank_of_a_run_without_checkpoints_drops_its_batches(ranks: Any, caplog: pytest.LogCaptureFixture) -> None:
    second, producer = ranks(1, patience=0.0, strict=False)
    second.checkpoint(0)
    second.batch(X, step=0)
    second.close()
    assert not producer.records and second.stats().dropped == {"no-checkpoint": 1}
    assert f"r/{FILE}, which the first rank writes, names none" in caplog.text


def test_the_end_of_the_run_ends_the_waiting(ranks: Any) -> None:
    first, _ = ranks(0)
    second, producer = ranks(1, patience=3600.0)
    for watch in (first, second):
        watch.checkpoint(0)
        watch.batch(X, step=0)
    second.checkpoint(9)  # which the first rank has not reached when training ends
    second.batch(X, step=9)
    first.close("failed")
    second.close("failed")
    assert [(e.step, e.checkpoint_step) for e in received(producer)] == [(0, 0), (9, 0)]


def test_large_batches_of_a_rank_lie_by_the_checkpoint_that_they_name(ranks: Any, tmp_path: Path) -> None:
    first, _ = ranks(0)
    second, producer = ranks(1, inline_limit=1)
    for watch in (first, second):
        watch.checkpoint(6)
        watch.batch(X, step=8)
    first.close()
    second.close()
    event = received(producer)[0]
    assert (event.step, event.checkpoint_step, event.shard) == (8, 6, "rank-1")
    assert topic.path_of(event.body).name.startswith("batch-6-") and topic.path_of(event.body).exists()


def test_a_rank_holds_its_batches_against_the_graph_that_it_was_given(ranks: Any, tmp_path: Path) -> None:
    graph = fisherwatch.export(Mlp(), X)
    second, _ = ranks(1, graph, patience=0.0)
    second.batch(X, step=0)
    assert not list((tmp_path / "store" / "r").glob("graph-*"))
    second._exported = fisherwatch.export(nn.Sequential(nn.Linear(6, 3)), X)  # its input has another name
    with pytest.raises(fisherwatch.BatchError, match="the graph takes"):
        second.batch(X, step=0)


def test_what_an_earlier_job_told_is_forgotten(tmp_path: Path) -> None:
    old, store = ToldSteps(Store(tmp_path, "r")), Store(tmp_path, "r")
    for step in (0, 10, 20):
        old.published(step)
    old.ended()
    heard = HeardSteps(store, 0.0, lambda: None)
    assert heard.at(10, 10) == 10 and heard.at(15, 15) == 10
    again = ToldSteps(store)
    assert HeardSteps(store, 0.0, lambda: None).at(10, 10) is None
    again.published(15)
    assert HeardSteps(store, 0.0, lambda: None).at(15, 15) == 15
    again.published(12)  # a new attempt
    assert json.loads((tmp_path / "r" / FILE).read_text()) == {"steps": [12], "ended": False}


def test_a_rank_waits_once_for_each_checkpoint(tmp_path: Path) -> None:
    told, waits = ToldSteps(Store(tmp_path, "r")), []
    heard = HeardSteps(Store(tmp_path, "r"), 0.25, lambda: waits.append(0))
    told.published(0)
    assert heard.at(5, 5) == 0 and len(waits) >= 1
    waits.clear()
    assert heard.at(5, 5) == 0 and not waits
    threading.Timer(0.2, lambda: told.published(7)).start()
    assert HeardSteps(Store(tmp_path, "r"), 60.0, lambda: None).at(7, 7) == 7


def test_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert Role.of("rank") == Role(False, "rank-3") and Role.of("rank").publishes
    assert Role.of("left") == Role(False, "left")
    assert Role.of(None) == Role(False, None) and not Role.of(None).publishes
    monkeypatch.delenv("RANK")
    assert Role.of("rank") == Role(True, "rank-0") and Role.of(None).publishes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": "a/b"}, "shard is 'a/b'"),
        ({"shard": ""}, "shard is ''"),
        ({"shard": "x" * 101}, "1 to 100"),
        ({"shard": 3}, "shard is 3"),
        ({"checkpoints_topic": "c"}, "for a sharded run"),
        ({"shard": "rank", "topic": "t", "checkpoints_topic": "t"}, "need their own"),
        ({"shard": "rank", "patience": -1.0}, "patience is -1.0"),
    ],
)
def test_mistakes_are_told_at_once(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fisherwatch.watch(Mlp(), run="r", store=tmp_path, **options)


def test_two_processes_never_write_to_one_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = Store(tmp_path, "r"), Store(tmp_path, "r")  # pids may be equal on two machines
    parts = [store._part("step-1") for store in stores]
    monkeypatch.setattr("fisherwatch._store.HOST", "elsewhere")
    parts.append(stores[0]._part("step-1"))
    assert len(set(parts)) == 3 and all(part.match(".step-1.*.part") for part in parts)
    assert "elsewhere" in parts[2].name and "elsewhere" not in parts[0].name


def train(rank: int, folder: str, bootstrap_servers: str | None) -> None:
    """One of two ranks; writes what it published beside the store, if there is no broker."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
    torch.manual_seed(1)
    model = DistributedDataParallel(Mlp())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(rank)
    options: dict[str, Any] = {"shard": "rank", "strict": True, "checkpoints_in_flight": 4, "topic": "shard-events"}
    producer = FakeProducer()
    if bootstrap_servers is None:
        options["agent"] = None
        watch = Watch(model, Options.of("pair", f"{folder}/store", options), producer=producer)
    else:
        watch = fisherwatch.watch(
            model, run="pair", store=f"{folder}/store", bootstrap_servers=bootstrap_servers, agent=None, **options
        )
    with watch:
        for step in range(9):
            inputs, labels = torch.randn(4, 6, generator=generator), torch.randint(3, (4,), generator=generator)
            if step % 3 == 0:
                watch.checkpoint(step)
            watch.batch(inputs, labels, step=step)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
    assert not watch.dropped, watch.stats()
    Path(folder, f"rank-{rank}.json").write_text(json.dumps([summary(producer), watch.stats().delivered]))
    dist.barrier()
    dist.destroy_process_group()


BATCHES = [(step, step - step % 3) for step in range(9)]


def test_two_processes_of_a_group_share_a_run(tmp_path: Path) -> None:
    mp.spawn(train, (str(tmp_path), None), nprocs=2)
    found = [json.loads((tmp_path / f"rank-{rank}.json").read_text())[0] for rank in range(2)]
    for rank in range(2):
        batches = [tuple(event[2:]) for event in found[rank] if event[1] == "batch"]
        assert batches == [(step, f"rank-{rank}", at) for step, at in BATCHES]
    assert [event[1:] for event in found[0] if event[0] == "shard-events-checkpoints"] == [
        ["checkpoint", 0], ["checkpoint", 3], ["checkpoint", 6], ["run-ended", 8]
    ]  # fmt: skip
    assert {event[0] for event in found[1]} == {"shard-events"}


@pytest.mark.agent
def test_two_processes_publish_through_a_real_broker(installation: Installation, tmp_path: Path) -> None:
    mp.spawn(train, (str(tmp_path), installation.bootstrap_servers), nprocs=2)
    checkpoints = topic.read(installation.bootstrap_servers, "pair", "shard-events-checkpoints")
    assert [(e.kind, e.step) for e in checkpoints] == [
        ("checkpoint", 0), ("checkpoint", 3), ("checkpoint", 6), ("run-ended", 8)
    ]  # fmt: skip
    assert all(topic.path_of(e.body["weights"]).exists() for e in checkpoints[:3])
    batches = topic.read(installation.bootstrap_servers, "pair", "shard-events")
    for rank in range(2):
        own = [event for event in batches if event.shard == f"rank-{rank}"]
        assert [(event.step, event.checkpoint_step) for event in own] == BATCHES
        generator = torch.Generator().manual_seed(rank)
        assert torch.equal(own[0].tensors["features"], torch.randn(4, 6, generator=generator))
    assert len(batches) == 2 * len(BATCHES)
