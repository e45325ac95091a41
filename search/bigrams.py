"""A bigram language model: what a better one has to beat."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise


class Bigrams:
    """An interpolated Kneser-Ney bigram model (Kneser and Ney 1995; Chen and Goodman 1999).

    Args:
        rows: token ids of each text, without the token 0 that ends one.
        vocabulary: how many tokens there are.
    """

    def __init__(self, rows: Sequence[Sequence[int]], vocabulary: int) -> None:
        self._pairs = Counter(pair for row in rows for pair in _pairs(row))
        self._starts = Counter[int]()  # how often a token begins a pair
        self._followers = Counter[int]()  # how many different tokens follow it
        self._contexts = Counter[int]()  # after how many different tokens a token comes
        for (first, second), count in self._pairs.items():
            self._starts[first] += count
            self._followers[first] += 1
            self._contexts[second] += 1
        once, twice = (sum(count == n for count in self._pairs.values()) for n in (1, 2))
        self._discount = once / (once + 2 * twice) if once and twice else 0.5
        self._vocabulary = vocabulary

    def probability(self, first: int, second: int) -> float:
        """Give the probability that a token follows another; over all that may follow, they sum to 1."""
        contexts, kinds = self._contexts[second], max(len(self._pairs), 1)
        spread = self._discount * len(self._contexts) / kinds if self._pairs else 1.0
        unigram = max(contexts - self._discount, 0.0) / kinds + spread / self._vocabulary
        starts = self._starts[first]
        if not starts:
            return unigram
        own = max(self._pairs[first, second] - self._discount, 0.0) / starts
        return own + self._discount * self._followers[first] / starts * unigram

    def perplexity(self, rows: Sequence[Sequence[int]]) -> float:
        """Give the perplexity per token of texts, the end of each included."""
        found = [math.log(self.probability(*pair)) for row in rows for pair in _pairs(row)]
        return math.exp(-sum(found) / len(found)) if found else math.nan


def _pairs(row: Sequence[int]) -> Iterator[tuple[int, int]]:
    return pairwise((0, *row, 0))
