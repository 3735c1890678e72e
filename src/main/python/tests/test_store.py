"""Files appear whole and go only when nobody needs them."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from installation import until
from torch import nn

from fisherwatch._agent import DurableSteps, Reach
from fisherwatch._options import Options
from fisherwatch._store import Store


@pytest.fixture
def agent() -> Any:
    """An HTTP server that says of every run what `says` holds, or 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.paths.append(self.path)  # type: ignore[attr-defined]
            if server.token not in (None, self.headers["Authorization"]):  # type: ignore[attr-defined]
                self.send_error(401)
                return
            body = json.dumps(server.says).encode()  # type: ignore[attr-defined]
            self.send_response(404 if server.says is None else 200)  # type: ignore[attr-defined]
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.says, server.paths, server.token = None, [], None  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def url(agent: Any) -> str:
    return f"http://127.0.0.1:{agent.server_port}"


def says(step: int, durable: int | None, attempt: int = 1, ended: bool = False) -> dict[str, Any]:
    return {"attempt": attempt, "step": step, "ended": ended, "durableStep": durable}


def steps(folder: Path) -> list[int]:
    return sorted(int(path.stem.split("-")[1]) for path in folder.glob("step-*"))


def checkpoints(watch: Any, *numbers: int) -> None:
    for number in numbers:
        watch.checkpoint(number)
        until("it is written", lambda: watch._worker.waiting == 0 and len(watch._free) == 1)
    done = threading.Event()
    watch._worker.offer(done.set)
    assert done.wait(10)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path, "r")
    old = store.write("step-1", lambda sink: sink.write(memoryview(b"old")))

    def breaks(sink: Any) -> None:
        sink.write(memoryview(b"new"))
        assert [path for path in (tmp_path / "r").glob("*.safetensors")] == [old.path]
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.write("step-1", breaks)
    assert [path for path in (tmp_path / "r").iterdir()] == [old.path]
    assert old.path.read_bytes() == b"old"


def test_what_a_killed_process_left_is_removed_later(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    (folder / ".graph.1.part").mkdir(parents=True)
    for name in (".step-1.safetensors.1.part", ".graph.1.part/graph.pt", ".step-2.safetensors.2.part"):
        (folder / name).write_text("x")
    for name in (".step-1.safetensors.1.part", ".graph.1.part"):
        os.utime(folder / name, (0, 0))
    Store(tmp_path, "r")
    assert [path.name for path in folder.iterdir()] == [".step-2.safetensors.2.part"]


def test_without_an_agent_the_latest_few_stay(attach: Any, model: nn.Module, tmp_path: Path) -> None:
    watch = attach(model, example_inputs=torch.randn(4, 6), keep=3, inline_limit=1)
    for number in range(6):
        checkpoints(watch, number)
        watch.batch(torch.randn(4, 6), step=number)
    checkpoints(watch, 6)
    folder = tmp_path / "store" / "r"
    assert steps(folder) == [4, 5, 6]
    assert sorted(int(path.name.split("-")[1]) for path in folder.glob("batch-*")) == [4, 5]


def test_an_agent_that_cannot_be_asked_counts_as_none(attach: Any, model: nn.Module, tmp_path: Path) -> None:
    watch = attach(model, example_inputs=torch.randn(4, 6), keep=2, agent="http://127.0.0.1:1")
    checkpoints(watch, *range(4))
    assert steps(tmp_path / "store" / "r") == [2, 3]


def test_only_files_below_the_durable_step_go(attach: Any, agent: Any, model: nn.Module, tmp_path: Path) -> None:
    watch = attach(model, example_inputs=torch.randn(4, 6), keep=9, agent=url(agent), run="a.b")
    folder = tmp_path / "store" / "a.b"
    checkpoints(watch, 0, 10, 20)
    assert steps(folder) == [0, 10, 20]
    agent.says = says(20, 10)
    checkpoints(watch, 30)
    assert steps(folder) == [10, 20, 30]
    agent.says = says(30, 30)
    checkpoints(watch, 40)
    assert steps(folder) == [30, 40]
    assert set(agent.paths) == {"/api/runs/a.b"}


@pytest.mark.parametrize("durable", [None, 7])
def test_an_agent_that_has_nothing_in_a_snapshot_yet_may_read_all_that_is_there(
    attach: Any, agent: Any, model: nn.Module, tmp_path: Path, durable: int | None
) -> None:
    agent.says = says(7, durable)  # 7: of the process before this one
    watch = attach(model, example_inputs=torch.randn(4, 6), keep=1, agent=url(agent))
    checkpoints(watch, *range(10, 22))
    assert steps(tmp_path / "store" / "r") == list(range(12, 22))  # ten times keep: the agent may keep no state
    agent.says = says(21, 21)
    checkpoints(watch, 22)
    assert steps(tmp_path / "store" / "r") == [21, 22]


def test_batches_of_a_resumed_job_without_steps_stay_with_their_checkpoint(
    attach: Any, agent: Any, producer: Any, model: nn.Module, tmp_path: Path
) -> None:
    watch = attach(model, example_inputs=torch.randn(4, 6), agent=url(agent), inline_limit=1)
    folder = tmp_path / "store" / "r"
    checkpoints(watch, 50000)
    watch.batch(torch.randn(4, 6))
    watch.batch(torch.randn(4, 6))
    agent.says = says(50000, 50000)
    checkpoints(watch, 50100)
    assert len(list(folder.glob("batch-50000-*"))) == 2
    steps_told = [r["headers"]["ce_step"] for r, kind in zip(producer.records, producer.types()) if kind == "batch"]
    assert steps_told == [b"50000", b"50000"]
    agent.says = says(50100, 50100)
    checkpoints(watch, 50200)
    assert not list(folder.glob("batch-*"))


def test_the_durable_step_of_an_earlier_attempt_is_not_trusted(agent: Any) -> None:
    agent.says = says(1000, 1000)
    durable = DurableSteps(Options.of("r", "store", {"agent": url(agent)}), print)
    durable.before(0)
    assert durable.durable() == Reach(True, None)
    durable.before(1000)
    assert durable.durable() == Reach(True, None)  # still the attempt before
    agent.says = says(1000, 1000, attempt=2)
    assert durable.durable() == Reach(True, 1000)
    durable.before(500)
    assert durable.durable() == Reach(True, None)
    agent.says = says(500, 500, attempt=3)
    assert durable.durable() == Reach(True, 500)


def test_a_resumed_run_trusts_the_agent(agent: Any) -> None:
    agent.says = says(1000, 900)
    durable = DurableSteps(Options.of("r", "store", {"agent": url(agent)}), print)
    durable.before(1100)
    agent.says = says(1100, 900)
    assert durable.durable() == Reach(True, None)  # of the process before: it may be right, but is not known to be
    agent.says = says(1100, 1100)
    assert durable.durable() == Reach(True, 1100)


def test_an_agent_that_hangs_costs_the_training_nothing(attach: Any, model: nn.Module) -> None:
    import socket

    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        watch = attach(model, example_inputs=torch.randn(4, 6), agent=f"http://127.0.0.1:{mute.getsockname()[1]}")
        began = time.monotonic()
        watch.checkpoint(0)
        watch.checkpoint(1)
        assert time.monotonic() - began < 1


def test_an_agent_that_asks_for_a_token_is_given_it_or_said_once(
    attach: Any, agent: Any, model: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent.token, agent.says = "Bearer s3cret", says(3, 3)
    checkpoints(attach(model, example_inputs=torch.randn(4, 6), keep=2, agent=url(agent), token="s3cret"), 3, 4, 5, 6)
    assert steps(tmp_path / "store" / "r") == [3, 4, 5, 6] and not caplog.text
    for run in ("wrong", "again"):
        checkpoints(attach(model, example_inputs=torch.randn(4, 6), agent=url(agent), run=run, token="s3cert"), 1, 2)
        assert caplog.text.count(f"run {run}: the agent at") == 1
    assert "asks for the token" in caplog.text and "s3c" not in caplog.text
    assert "s3c" not in repr(Options.of("r", tmp_path, {"token": "s3cret"}))


def test_graphs_of_earlier_attempts_go(attach: Any, agent: Any, model: nn.Module, tmp_path: Path) -> None:
    folder = tmp_path / "store" / "r"
    folder.mkdir(parents=True)
    (folder / "graph-000000000000.pt").write_text("old")
    watch = attach(model, example_inputs=torch.randn(4, 6), agent=url(agent))
    checkpoints(watch, 0)
    assert len(list(folder.glob("graph-*"))) == 2
    agent.says = says(0, 0)
    checkpoints(watch, 1)
    assert len(list(folder.glob("graph-*"))) == 1 and not (folder / "graph-000000000000.pt").exists()


def test_a_graph_that_was_deleted_is_exported_again(
    attach: Any, producer: Any, model: nn.Module, tmp_path: Path
) -> None:
    folder = tmp_path / "store" / "r"
    watch = attach(model, example_inputs=torch.randn(4, 6))
    checkpoints(watch, 0)
    for path in folder.iterdir():
        path.unlink()
    watch.checkpoint(1)
    watch.batch(torch.randn(4, 6), step=1)
    watch.close()
    assert len(list(folder.glob("graph-*"))) == 1 and steps(folder) == [1]
    assert watch.dropped == 0
