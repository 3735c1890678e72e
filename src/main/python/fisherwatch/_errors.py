"""What can go wrong when a job is attached. Nothing of it is raised while training runs, unless asked for."""

from __future__ import annotations


class FisherwatchError(Exception):
    """Any error of this package."""


class ExportError(FisherwatchError):
    """The model cannot be expressed as a graph that the agent can load; the message says where and what to do."""


class BatchError(FisherwatchError):
    """A batch does not have the form that the graph takes."""
