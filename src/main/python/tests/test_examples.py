"""The examples show what they say they show, with fixed seeds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def rows(name, *options):
    """An example's table: the numbers of each line by what stands before them, percentages as shares."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    table = {}
    for line in done.stdout.splitlines():
        found = re.fullmatch(r"\s*(.*?)((?:\s+[\d.]+%?)+)", line)
        if found:
            cells = found.group(2).split()
            table[found.group(1)] = [float(c[:-1]) / 100 if c.endswith("%") else float(c) for c in cells]
    return table


def test_the_penalty_keeps_the_first_task():
    found = rows("elastic_weight_consolidation.py")
    (forgotten, learnt), (even, _), (kept, also) = (
        found[n] for n in ("no penalty", "an even penalty", "the diagonal of F")
    )
    assert kept > even + 0.2 and kept > forgotten + 0.2
    assert also > learnt - 0.2


def test_merging_by_fisher_does_better_at_both_tasks():
    found = rows("merging.py")
    plain, weighted = found["plain average"], found["weighted by F"]
    assert weighted[2] > plain[2] + 0.01
    assert abs(weighted[3] - plain[3]) < 0.05  # on whole images neither is ahead


def test_pruning_by_fisher_loses_fewer_nats():
    found = rows("pruning.py")
    assert list(found) == ["30%", "50%", "60%", "70%", "80%", "90%"]
    for share in ("30%", "50%", "60%", "70%", "80%"):
        by_magnitude, by_fisher = found[share][:2]
        assert by_fisher < by_magnitude, share
    assert found["50%"][1] < 0.6 * found["50%"][0]


@pytest.mark.parametrize("name", ["elastic_weight_consolidation.py", "merging.py", "pruning.py"])
def test_a_run_needs_its_weights(name):
    done = subprocess.run([sys.executable, EXAMPLES / name, "--run", "x"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "--weights go together" in done.stderr
