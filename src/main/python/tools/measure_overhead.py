"""What a watch costs a training loop per step, as a table for docs/benchmarks.md.

    PYTHONPATH=src/main/python python src/main/python/tools/measure_overhead.py [--jar JAR] [--blocks 8] [--threads 1]

Trains perceptrons of two sizes on the CPU, in blocks of a hundred steps without a watch, with one whose Kafka runs
(the jar's broker), and with one whose Kafka is away, the order drawn anew in each round so that drifts of the machine
fall on all alike. A watched block publishes one checkpoint and ten batches. Reported are medians over blocks of the
time per step, the ratio of each watched block to the plain one of its round (median and quartiles) by the clock and in
processor time of the training thread, which other programs disturb less, and the time spent within the calls alone.
The worker thread and the broker take part of the same cores, so with few cores the ratio is an upper bound of what a
GPU's host would see.
"""

import argparse
import os
import pathlib
import random
import socket
import statistics
import subprocess
import tempfile
import time

import torch
from torch import nn

import fisherwatch

STEPS, BATCH = 100, 64
MODELS = {"small": (64, 256, 2), "mid-size": (512, 1500, 4)}


def perceptron(inputs: int, width: int, layers: int) -> nn.Module:
    """Dense layers with ReLU, ten classes."""
    sizes = [inputs] + [width] * layers
    hidden = [m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 10))


class Job:
    """A training loop of its own, watched or not."""

    def __init__(self, size: tuple[int, int, int], watch_options: "dict[str, object] | None") -> None:
        """With a model of the same seed for all."""
        torch.manual_seed(1)
        self.model = perceptron(*size)
        self.inputs, self.labels = torch.randn(BATCH, size[0]), torch.randint(10, (BATCH,))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self.watch = None
        self.step = 0
        if watch_options is not None:
            self.watch = fisherwatch.watch(
                self.model, example_inputs=self.inputs, every=10, agent=None, **watch_options
            )

    def block(self) -> "tuple[float, float]":
        """Seconds per step over a hundred steps: by the clock, and of the processor on this thread."""
        began, working = time.perf_counter(), time.thread_time()
        for _ in range(STEPS):
            if self.watch is not None:
                if self.step % STEPS == 0:
                    self.watch.checkpoint(self.step)
                self.watch.batch(self.inputs, self.labels, step=self.step)
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.model(self.inputs), self.labels).backward()
            self.optimizer.step()
            self.step += 1
        return (time.perf_counter() - began) / STEPS, (time.thread_time() - working) / STEPS


def measure(size: "tuple[int, int, int]", brokers: "dict[str, str]", blocks: int, store: str) -> "list[str]":
    """Rows of the table for one model."""
    jobs = {"not watched": Job(size, None)}
    for name, servers in brokers.items():
        run = f"{size[1]}-{name.replace(' ', '-')}"
        jobs[name] = Job(size, {"run": run, "store": store, "bootstrap_servers": servers, "close_timeout": 5.0})
    times = {name: [] for name in jobs}
    for job in jobs.values():
        job.block()  # memory, threads and connections are made
    order = list(jobs)
    for _ in range(blocks):
        random.shuffle(order)
        for name in order:
            times[name].append(jobs[name].block())
    parameters = sum(p.numel() for p in jobs["not watched"].model.parameters())
    rows = []
    for name, job in jobs.items():
        ms = f"{1000 * clock(times[name]):.3f}"
        if job.watch is None:
            rows.append(f"| {parameters:,} | {name} | {ms} | | | | |")
            continue
        stats = job.watch.stats()
        ratios = [overhead(times[name], times["not watched"], kind) for kind in (0, 1)]
        calls = 1000 * stats.training_seconds / job.step
        share = calls / 10 / clock(times["not watched"])
        dropped = ", ".join(f"{cause} {count}" for cause, count in stats.dropped.items()) or "none"
        within = f"{calls:.4f} ms, {share:.2f} %"
        rows.append(f"| {parameters:,} | {name} | {ms} | {ratios[0]} | {ratios[1]} | {within} | {dropped} |")
        job.watch.close()
    return rows


def clock(blocks: "list[tuple[float, float]]") -> float:
    """The median by the clock."""
    return statistics.median(block[0] for block in blocks)


def overhead(watched: "list[tuple[float, float]]", plain: "list[tuple[float, float]]", kind: int) -> str:
    """Median and quartiles of what is added, block by block."""
    low, middle, high = statistics.quantiles([100 * (w[kind] / p[kind] - 1) for w, p in zip(watched, plain)], n=4)
    return f"{middle:+.1f} % ({low:+.1f} to {high:+.1f} %)"


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def main() -> None:
    """Prints the table."""
    repository = pathlib.Path(__file__).resolve().parents[4]
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("--jar", default=str(repository / "target/fisherwatch.jar"))
    arguments.add_argument("--blocks", type=int, default=8)
    arguments.add_argument("--threads", type=int, default=1)
    parsed = arguments.parse_args()
    torch.set_num_threads(parsed.threads)
    random.seed(1)
    port, nobody = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["java", "-jar", parsed.jar, "broker", "--port", str(port), "--data", f"{folder}/broker"]
        broker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            with socket.socket() as s:
                while s.connect_ex(("127.0.0.1", port)):
                    time.sleep(0.2)
            brokers = {"Kafka runs": f"127.0.0.1:{port}", "Kafka is away": f"127.0.0.1:{nobody}"}
            print(
                f"PyTorch {torch.__version__}, CPU, {parsed.threads} thread(s), {os.cpu_count()} cores, load ", end=""
            )
            print(f"{os.getloadavg()[0]:.1f}; {parsed.blocks} blocks of {STEPS} steps of {BATCH} examples\n")
            print(
                "| parameters | watch | ms per step | overhead (quartiles) | of the thread | within calls | dropped |"
            )
            print("| --- | --- | --- | --- | --- | --- | --- |")
            for size in MODELS.values():
                print("\n".join(measure(size, brokers, parsed.blocks, f"{folder}/store")), flush=True)
        finally:
            broker.terminate()
            broker.wait()


if __name__ == "__main__":
    main()
