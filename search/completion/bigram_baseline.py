"""A bigram language model: what a better one has to beat."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


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
        unigram = self._unigram(second)
        starts = self._starts[first]
        if not starts:
            return unigram
        own = max(self._pairs[first, second] - self._discount, 0.0) / starts
        return own + self._discount * self._followers[first] / starts * unigram

    def _unigram(self, token: int) -> float:
        """Give the share of contexts that a token comes in, smoothed (Kneser and Ney's lower order)."""
        contexts, kinds = self._contexts[token], max(len(self._pairs), 1)
        spread = self._discount * len(self._contexts) / kinds if self._pairs else 1.0
        return max(contexts - self._discount, 0.0) / kinds + spread / self._vocabulary

    def table(self) -> NDArray[np.float32]:
        """Give all probabilities, (vocabulary, vocabulary) float32: row first, column second."""
        second = np.arange(self._vocabulary)
        unigram = np.array([self._unigram(int(token)) for token in second], np.float32)
        shares = [self._discount * self._followers[i] / max(self._starts[i], 1) for i in second.tolist()]
        backoff = np.array([share if self._starts[i] else 1.0 for i, share in enumerate(shares)], np.float32)
        found: NDArray[np.float32] = backoff[:, None] * unigram
        for (first, following), count in self._pairs.items():
            found[first, following] += max(count - self._discount, 0.0) / self._starts[first]
        return found

    def frequencies(self) -> NDArray[np.float32]:
        """Give how often each token begins a pair, as shares, (vocabulary,) float32."""
        counts = np.array([self._starts[token] for token in range(self._vocabulary)], np.float32)
        return np.asarray(counts / max(counts.sum(), 1.0), np.float32)

    def perplexity(self, rows: Sequence[Sequence[int]]) -> float:
        """Give the perplexity per token of texts, the end of each included."""
        found = [math.log(self.probability(*pair)) for row in rows for pair in _pairs(row)]
        return math.exp(-sum(found) / len(found)) if found else math.nan


def _pairs(row: Sequence[int]) -> Iterator[tuple[int, int]]:
    return pairwise((0, *row, 0))
