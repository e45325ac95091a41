"""What a word is worth by BM25 (Robertson and Zaragoza 2009), as SQLite's FTS5 computes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

COMMON = 20_000
"""Holders of a word from which counting them takes a millisecond, which FTS5 does for every score."""
_LEAST = 1e-6  # of words that more than half of all documents hold


def idf(held: int, documents: int) -> float:
    """Tell how much a word tells, by how many of all documents hold it."""
    others = max(documents - held, 0)  # the two may have been counted at different moments
    return max(math.log((others + 0.5) / (held + 0.5)), _LEAST)


def telling(held: Sequence[int]) -> list[bool]:
    """Say which words are worth scoring among documents that hold every one of them.

    Common words are not, beside rarer ones: how often one occurs tells little, and to each of these documents
    it adds about its ``idf``, what an occurrence in a text of mean length adds.

    Args:
        held: (n,) how many documents hold each word.

    Returns:
        (n,) bool; the rarest is always worth it.
    """
    rarest = min(held, default=0)
    return [count <= max(COMMON, rarest) for count in held]
