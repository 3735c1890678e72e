"""The training side of Fisherwatch: attaches a PyTorch job to the agent, and reads its figures back."""

from ._exact import exact
from ._figures import CoreFigures, Difference, Exact, LayerFigures

__all__ = ["CoreFigures", "Difference", "Exact", "LayerFigures", "exact"]
