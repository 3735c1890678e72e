"""The training side of Fisherwatch: attaches a PyTorch job to the agent, and reads its figures back."""

from ._errors import BatchError, ExportError, FisherwatchError
from ._exact import exact
from ._export import Graph
from ._figures import CoreFigures, Difference, Exact, LayerFigures
from ._history import History, HistoryRow
from ._http import AgentError, AgentUnreachableError, UnknownRunError
from ._options import Options
from ._read import Estimate, LayerEstimates, RunFigures, diagonal, figures, history, runs
from ._stats import Stats
from ._watch import Watch, export, watch

__all__ = [
    "AgentError",
    "AgentUnreachableError",
    "BatchError",
    "CoreFigures",
    "Difference",
    "Estimate",
    "Exact",
    "ExportError",
    "FisherwatchError",
    "Graph",
    "History",
    "HistoryRow",
    "LayerEstimates",
    "LayerFigures",
    "Options",
    "RunFigures",
    "Stats",
    "UnknownRunError",
    "Watch",
    "diagonal",
    "exact",
    "export",
    "figures",
    "history",
    "runs",
    "watch",
]
