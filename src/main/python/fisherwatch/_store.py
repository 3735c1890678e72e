"""The folder that training job and agent share: graphs, weights and large batches under STORE/RUN.

Every name holds its content's digest, so that a file which an event names is never changed, whatever a restarted job
writes for the same step.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ._safetensors import Sink

STEP = re.compile(r"(?:step|batch)-(\d+)\b.*\.safetensors")
DIGITS = 12
ABANDONED_SECONDS = 3600.0
HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:60]


@dataclass(frozen=True)
class StoredFile:
    """A file that is complete, with the SHA-256 of its bytes in hexadecimal digits."""

    path: Path
    sha256: str

    def reference(self) -> dict[str, str]:
        """As events refer to it."""
        return {"uri": self.path.as_uri(), "sha256": self.sha256}


class _Hashing:
    def __init__(self, sink: Sink) -> None:
        self.sha256 = hashlib.sha256()
        self._sink = sink

    def write(self, data: memoryview) -> None:
        self.sha256.update(data)
        self._sink.write(data)


class Store:
    """Writes files so that a reader never sees half of one, and removes those that nobody needs."""

    def __init__(self, root: Path, run: str) -> None:
        """Makes the run's folder.

        Raises:
            OSError: files cannot be written there.
        """
        self.folder = root / run
        try:
            probe = self._part("probe")
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as e:
            raise OSError(f"the store {self.folder} cannot be written to: {e}") from e
        for part in self.folder.glob(".*.part"):  # of a process that was killed
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(part) if part.is_dir() else part.unlink()

    def write(self, stem: str, content: Callable[[Sink], None]) -> StoredFile:
        """Writes STEM-DIGEST.safetensors: hashed on the way, on the disk when this returns."""
        part = self._part(stem)
        try:
            with part.open("wb") as file:
                hashing = _Hashing(file)
                content(hashing)
                file.flush()
                os.fsync(file.fileno())
            sha256 = hashing.sha256.hexdigest()
            return self._place(part, f"{stem}-{sha256[:DIGITS]}.safetensors", sha256)
        finally:
            part.unlink(missing_ok=True)

    def add_graph(self, save: Callable[[str], None]) -> StoredFile:
        """Keeps a graph, named after its digest. TorchScript wants a path, so it is hashed afterwards.

        It also names the archive's folder after the file, and the agent takes plain names only: hence a folder.
        """
        folder = self._part("graph")
        folder.mkdir(exist_ok=True)
        part = folder / "graph.pt"
        try:
            save(str(part))
            digest = hashlib.sha256()
            with part.open("rb+") as file:
                for chunk in iter(lambda: file.read(1 << 20), b""):
                    digest.update(chunk)
                os.fsync(file.fileno())
            sha256 = digest.hexdigest()
            return self._place(part, f"graph-{sha256[:DIGITS]}.pt", sha256)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def replace(self, name: str, content: bytes) -> None:
        """Puts a small file that changes in its place, at once; unlike the others it has no digest in its name."""
        part = self._part(name)
        try:
            part.write_bytes(content)
            part.replace(self.folder / name)
        finally:
            part.unlink(missing_ok=True)

    def content(self, name: str) -> bytes | None:
        """What is in a small file; None if there is none."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def prune_below(self, step: int, newest: Path) -> int:
        """Removes checkpoints of earlier steps and their batches, the newest file never; returns how many went."""
        return sum(_remove(path) for path, at in self._steps() if at < step and path != newest)

    def prune_to(self, keep: int, newest: Path) -> int:
        """Removes all weights but the latest few, by the time they were written, and batches older than these."""
        weights = sorted(
            (path for path, _ in self._steps() if path.name.startswith("step-") and path != newest),
            key=_written,
            reverse=True,
        )
        going = weights[keep - 1 :]
        oldest = min((_written(path) for path in [*weights[: keep - 1], newest]), default=0.0)
        going += [path for path, _ in self._steps() if path.name.startswith("batch-") and _written(path) < oldest]
        return sum(map(_remove, going))

    def prune_graphs(self, graph: Path) -> int:
        """Removes graphs of earlier attempts."""
        return sum(_remove(path) for path in self.folder.glob("graph-*.pt") if path != graph)

    def _steps(self) -> Iterator[tuple[Path, int]]:
        for path in self.folder.glob("*.safetensors"):
            match = STEP.fullmatch(path.name)
            if match:
                yield path, int(match[1])

    def _part(self, name: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)  # anew, if somebody tidied up
        own = f"{HOST}.{os.getpid()}.{secrets.token_hex(4)}"  # the folder may be many machines'
        return self.folder / f".{name}.{own}.part"

    def _place(self, part: Path, name: str, sha256: str) -> StoredFile:
        path = self.folder / name
        part.replace(path)
        if os.name == "posix":  # the name, too, must survive a power cut
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return StoredFile(path, sha256)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime_ns / 1e9
    except FileNotFoundError:
        return 0.0


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
