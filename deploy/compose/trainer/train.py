"""Trains a small classifier on handwritten digits and lets Fisherwatch watch it.

Environment: BOOTSTRAP_SERVERS, TOPIC, STORE (the folder shared with the agent), AGENT (its address), STEPS (0: for ever).
"""

import os
import time
from pathlib import Path

import fisherwatch
import numpy
import torch

DIGITS = Path(__file__).with_name("digits.csv.gz")
BATCH = 64
CHECKPOINT_EVERY = 10
SECONDS_PER_STEP = 0.2


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels between 0 and 1 of 8 by 8 images, [N, 64], and their labels."""
    table = torch.from_numpy(numpy.loadtxt(os.environ.get("DIGITS", DIGITS), delimiter=","))
    return table[:, :64].float() / 16, table[:, 64].long()


def main() -> None:
    """Trains until it is told to stop, with a checkpoint every few steps and every batch published."""
    torch.manual_seed(0)
    images, labels = digits()
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 16), torch.nn.Tanh(), torch.nn.Linear(16, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    steps = int(os.environ.get("STEPS", "0"))
    with fisherwatch.watch(
        model,
        run=os.environ.get("RUN", "digits"),
        bootstrap_servers=os.environ.get("BOOTSTRAP_SERVERS", "localhost:9094"),
        topic=os.environ.get("TOPIC", "training-events"),
        store=os.environ.get("STORE", "checkpoints"),
        agent=os.environ.get("AGENT", "http://localhost:8088"),
    ) as watch:
        step = 0
        while steps == 0 or step < steps:
            chosen = torch.randint(len(images), (BATCH,))
            inputs, targets = images[chosen], labels[chosen]
            if step % CHECKPOINT_EVERY == 0:
                watch.checkpoint(step)
            watch.batch(inputs, labels=targets, step=step)
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 100 == 0:
                print(f"step {step}: loss {loss.item():.3f}")
            time.sleep(SECONDS_PER_STEP)


if __name__ == "__main__":
    main()
