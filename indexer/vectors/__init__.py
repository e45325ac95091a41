"""Nearest-neighbour indexes behind one protocol: exact (NumPy), FAISS, and an inverted file for many."""

from .base import ReadableIndex, Scores, VectorIndex, best, isin_sorted
from .exact import ExactIndex
from .faiss import FaissIndex
from .ivf import IvfIndex

__all__ = [
    "ExactIndex",
    "FaissIndex",
    "IvfIndex",
    "ReadableIndex",
    "Scores",
    "VectorIndex",
    "best",
    "isin_sorted",
]
