"""Debian's package descriptions in four sections: text that is at hand wherever apt is."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from functools import lru_cache

import torch
from installation import needed
from torch import Tensor

SECTIONS = ("libdevel", "perl", "games", "fonts")
PER_SECTION, WORDS, LONGEST = 100, 400, 12


@lru_cache(maxsize=1)
def descriptions() -> list[tuple[str, int]]:
    """Short descriptions and the number of their section, in an order that mixes the sections."""
    dump = ""
    if shutil.which("apt-cache"):
        dump = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode()
    found: list[list[str]] = [[] for _ in SECTIONS]
    for paragraph in dump.split("\n\n"):
        fields = dict(re.findall(r"^(Section|Description|Description-en): (.*)$", paragraph, re.MULTILINE))
        text = fields.get("Description-en") or fields.get("Description")
        if text and fields.get("Section") in SECTIONS:
            found[SECTIONS.index(fields["Section"])].append(text)
    needed("a list of packages (apt-get update, read by apt-cache dumpavail)", min(map(len, found)) >= PER_SECTION)
    return [(texts[i], label) for i in range(PER_SECTION) for label, texts in enumerate(found)]


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, int]:
    """The most frequent words; 0 is padding, 1 any other word, 2 stands first."""
    counts = Counter(word for text, _ in descriptions() for word in _words(text))
    return {word: i + 3 for i, (word, _) in enumerate(counts.most_common(WORDS - 3))}


def encode(examples: list[tuple[str, int]]) -> dict[str, Tensor]:
    """A batch as a tokenizer gives it, padded to its longest text."""
    rows = [[2, *(vocabulary().get(word, 1) for word in _words(text)[: LONGEST - 1])] for text, _ in examples]
    longest = max(map(len, rows))
    return {
        "input_ids": torch.tensor([row + [0] * (longest - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
        "labels": torch.tensor([label for _, label in examples]),
    }


def batches(size: int, steps: int) -> list[dict[str, Tensor]]:
    """Batches for so many steps, over the descriptions again and again."""
    data = descriptions()
    starts = [(i * size) % (len(data) - size + 1) for i in range(steps)]
    return [encode(data[start : start + size]) for start in starts]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
