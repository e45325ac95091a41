"""Nearest-neighbour indexes behind one protocol: exact (NumPy) and FAISS."""

from .base import Scores, VectorIndex, best
from .exact import ExactIndex
from .faiss import FaissIndex

__all__ = ["ExactIndex", "FaissIndex", "Scores", "VectorIndex", "best"]
