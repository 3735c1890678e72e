"""The real broker and the real agent, as processes of the jar that Maven built."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable

import pytest

REPOSITORY = Path(__file__).resolve().parents[4]
JAR = Path(os.environ.get("FISHERWATCH_JAR", REPOSITORY / "target" / "fisherwatch.jar"))
IN_CI = os.environ.get("FISHERWATCH_CI") == "1"


def needed(what: str, there: object) -> None:
    """Skips the test if something is missing, and fails it where it must not be missing."""
    if not there:
        if IN_CI:
            pytest.fail(f"{what} is missing, and FISHERWATCH_CI=1")
        pytest.skip(f"{what} is missing")


class Installation:
    """A broker and an agent on free ports, with a store among the agent's roots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.broker_port, self.web_port = _free_port(), _free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.broker_port}"
        self.url = f"http://127.0.0.1:{self.web_port}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @classmethod
    def start(cls, folder: Path) -> Installation:
        needed(f"{JAR} (mvn -q -DskipTests package makes it)", JAR.exists())
        needed("java", shutil.which("java"))
        new = cls(folder)
        new.store.mkdir()
        # decay 0: what the agent shows is of the latest checkpoint and the batches behind it, and of nothing before;
        # micro-batches of one: with few classes its probes have next to no noise, so that a test can be strict
        (folder / "agent.yaml").write_text(
            f"kafka: {{bootstrapServers: '{new.bootstrap_servers}'}}\n"
            f"files: {{roots: ['{new.store}']}}\n"
            "device: cpu\nthreads: 1\n"
            "estimate: {decay: 0, cvEvery: 0, microBatch: 1}\n"
            f"state: {{directory: '{folder / 'state'}', interval: 1s}}\n"
            f"web: {{port: {new.web_port}}}\n"
        )
        new.start_broker()
        new.start_agent()
        return new

    def start_broker(self) -> None:
        self._start("broker", "broker", "--port", str(self.broker_port), "--data", str(self.folder / "broker"))
        until("the broker listens", lambda: _listens(self.broker_port))

    def start_agent(self) -> None:
        self._start("agent", "agent", "--config", str(self.folder / "agent.yaml"))

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in ("agent", "broker"):  # the agent still says goodbye to the broker
            process = self._processes.pop(name, None)
            if process is not None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def get(self, path: str) -> Any:
        """The JSON at a path of the agent's; None while it is not there."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return json.load(answer)
        except (OSError, urllib.error.HTTPError):
            return None

    def run(self, name: str, ready: Callable[[Any], bool], seconds: float = 60) -> Any:
        """What the agent says of a run, once it is as far as wanted."""
        found: list[Any] = []

        def check() -> bool:
            answer = self.get(f"/api/runs/{name}")
            found[:] = [answer]
            return answer is not None and ready(answer)

        try:
            until(f"the agent has {name} so far", check, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}; it says {str(found)[:500]}; its log ends {self.log('agent')[-3000:]}") from e
        return found[0]

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            java = ["java", "-Xmx1g", "-jar", str(JAR), *arguments]
            self._processes[name] = subprocess.Popen(java, stdout=log, stderr=log, cwd=self.folder)


def until(what: str, check: Callable[[], bool], seconds: float = 60) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
