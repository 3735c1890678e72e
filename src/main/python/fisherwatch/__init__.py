"""The training side of Fisherwatch: attaches a PyTorch job to the agent, and reads its figures back."""

from ._errors import BatchError, ExportError, FisherwatchError
from ._export import Graph
from ._options import Options
from ._stats import Stats
from ._watch import Watch, export, watch

__all__ = [
    "BatchError",
    "ExportError",
    "FisherwatchError",
    "Graph",
    "Options",
    "Stats",
    "Watch",
    "export",
    "watch",
]
