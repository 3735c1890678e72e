"""Effective rank and largest eigenvalue of F, where it is small enough to be held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

#: Numbers of all gradients kept: 128 MB of float64.
_MOST_NUMBERS = 2**24

#: Rows or columns of the matrix whose eigenvalues are sought: a second or two.
_MOST_ROWS = 2048


class Spectrum:
    """The gradients whose squares make up F, as long as they are few: F is G'G of them, and has the spectrum of GG'."""

    def __init__(self) -> None:
        self._kept: list[Mapping[str, Tensor]] | None = []
        self._numbers = 0

    @property
    def is_open(self) -> bool:
        """Whether gradients are still kept."""
        return self._kept is not None

    def add(self, gradients: Mapping[str, Tensor]) -> None:
        """Keeps gradients [K, scalars] by parameter; nothing at all once they are too many."""
        if self._kept is None or not gradients:
            return
        self._numbers += sum(gradient.numel() for gradient in gradients.values())
        if self._numbers > _MOST_NUMBERS:
            self._kept = None
        else:
            self._kept.append(gradients)

    def of(self, names: Sequence[str], outputs: int) -> tuple[float | None, float | None]:
        """Effective rank and top eigenvalue of the block of these parameters; None where they are not had.

        Args:
            names: the parameters.
            outputs: how many the mean is over.
        """
        if self._kept is None or not names:
            return None, None
        columns = [
            torch.cat([kept[name] if name in kept else self._zeros(kept, name) for kept in self._kept])
            for name in names
        ]
        rows = torch.cat(columns, 1).double()
        if min(rows.shape) > _MOST_ROWS:
            return None, None
        matrix = (rows @ rows.T if rows.shape[0] < rows.shape[1] else rows.T @ rows) / outputs
        eigenvalues = torch.linalg.eigvalsh(matrix)
        square = float(eigenvalues.square().sum())
        rank = float(eigenvalues.sum()) ** 2 / square if square > 0 else None
        return rank, float(eigenvalues[-1])

    def _zeros(self, kept: Mapping[str, Tensor], name: str) -> Tensor:
        like = next(iter(kept.values()))
        assert self._kept is not None
        width = next(other[name].shape[1] for other in self._kept if name in other)
        return like.new_zeros((like.shape[0], width))
