"""Nearest-neighbour indexes behind one protocol: exact (NumPy), FAISS, and an inverted file for many."""

from .base import ReadableIndex, VectorIndex, best
from .exact import ExactIndex
from .faiss import FaissIndex
from .ids import isin_sorted
from .ivf import IvfIndex

__all__ = [
    "ExactIndex",
    "FaissIndex",
    "IvfIndex",
    "ReadableIndex",
    "VectorIndex",
    "best",
    "isin_sorted",
]
