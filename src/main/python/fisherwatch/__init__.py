"""The training side of Fisherwatch: attaches a PyTorch job to the agent, and reads its figures back."""

from ._exact import exact
from ._figures import CoreFigures, Difference, Exact, LayerFigures
from ._history import History, HistoryRow
from ._http import AgentError, AgentUnreachableError, UnknownRunError
from ._read import Estimate, LayerEstimates, RunFigures, diagonal, figures, history, runs

__all__ = [
    "AgentError",
    "AgentUnreachableError",
    "CoreFigures",
    "Difference",
    "Estimate",
    "Exact",
    "History",
    "HistoryRow",
    "LayerEstimates",
    "LayerFigures",
    "RunFigures",
    "UnknownRunError",
    "diagonal",
    "exact",
    "figures",
    "history",
    "runs",
]
