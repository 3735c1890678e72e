"""A run's figures over its steps, as rows and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple


class HistoryRow(NamedTuple):
    """A layer at a step; traces are of the mean over examples, None where the agent has no figure.

    ``time`` is in seconds since 1970, ``step`` the checkpoint's, ``batch_step`` that of the latest batch; ``*_error``
    are standard errors, of probes and data both.
    """

    attempt: int
    step: int
    batch_step: int
    time: float
    layer: str
    lower: float | None
    lower_error: float | None
    fisher: float | None
    fisher_error: float | None
    upper: float | None
    upper_error: float | None
    empirical: float | None
    empirical_error: float | None
    gap_lower: float | None
    gap_lower_error: float | None
    gap_upper: float | None
    gap_upper_error: float | None


class History(Sequence[HistoryRow]):
    """Rows by step and layer, oldest first, earlier attempts of the run included."""

    def __init__(self, run: str, rows: Sequence[HistoryRow]) -> None:
        """A history of these rows."""
        self.run = run
        self._rows = tuple(rows)

    @classmethod
    def of(cls, json: Mapping[str, Any]) -> History:
        """The history that an agent's JSON tells."""
        rows = []
        for point in json["points"]:
            at = (point["attempt"], point["step"], point["batchStep"], point["time"])
            for layer in point["layers"]:
                figures = [layer["trace"][e] for e in ("lower", "fisher", "upper", "empirical")]
                figures += [layer["gap"][bound] for bound in ("lower", "upper")]
                numbers = [figure and figure[key] for figure in figures for key in ("value", "standardError")]
                rows.append(HistoryRow(*at, layer["layer"], *numbers))
        return cls(json["run"], rows)

    @property
    def layers(self) -> list[str]:
        """The layers' names, ``_total`` among them."""
        return list(dict.fromkeys(row.layer for row in self._rows))

    def layer(self, name: str) -> History:
        """The rows of one layer.

        Raises:
            KeyError: if there is none of it.
        """
        rows = [row for row in self._rows if row.layer == name]
        if not rows:
            raise KeyError(f"run {self.run!r} has no layer {name!r}; it has {', '.join(self.layers)}")
        return History(self.run, rows)

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns by name, as a table's constructor takes them."""
        columns = zip(*self._rows) if self._rows else ((),) * len(HistoryRow._fields)
        return {name: list(column) for name, column in zip(HistoryRow._fields, columns)}

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with a row for each step and layer.

        Raises:
            ImportError: if pandas is not installed.
        """
        return import_module("pandas").DataFrame(self.to_dict())

    def __getitem__(self, index: Any) -> Any:
        """A row, or a tuple of them."""
        return self._rows[index]

    def __len__(self) -> int:
        """How many rows."""
        return len(self._rows)

    def __iter__(self) -> Iterator[HistoryRow]:
        """The rows in their order."""
        return iter(self._rows)

    def __repr__(self) -> str:
        """What it holds, in a line."""
        steps = f", steps {self._rows[0].step} to {self._rows[-1].step}" if self._rows else ""
        return f"History of run {self.run!r}: {len(self)} rows, {len(self.layers)} layers{steps}"
