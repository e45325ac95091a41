"""Folding and diversifying 200 candidates, and fusing them with 100 word hits: against plain loops.

    python benchmarks/ranking_speed.py [CANDIDATES]

The baselines do the same by the definition, one candidate after another.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from indexer import Embeddings, Ids
from search.ranking.fusion import Found, WordHits, blend, fuse
from search.ranking.group_duplicates import fold
from search.ranking.reorder import diversify

DIM = 512
REPEATS = 100
THRESHOLD = 0.95


def candidates(count: int) -> tuple[Ids, Embeddings]:
    """Draw candidates of which a quarter nearly repeat another one, rounded as a collection rounds them."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(count, DIM))
    repeated = rng.permutation(count)[: count // 4]
    rows[repeated] = rows[(repeated + 1) % count] + 0.1 * rng.normal(size=(len(repeated), DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rng.permutation(10 * count)[:count], rows.astype(np.float16).astype(np.float32)


def plain_fold(ids: Ids, rows: Embeddings) -> list[list[int]]:
    """Fold by the definition."""
    groups: list[list[int]] = []
    for row in range(len(ids)):
        near = (group for group in groups if float(rows[group[0]] @ rows[row]) >= THRESHOLD)
        home = next(near, None)
        if home is None:
            groups.append([row])
        else:
            home.append(row)
    return groups


def plain_diversify(scores: Embeddings, rows: Embeddings, weight: float) -> list[int]:
    """Reorder by the definition, each step over all that are left."""
    chosen, left = [0], list(range(1, len(scores)))
    while left:
        alike = np.vecdot(rows[left][:, None], rows[chosen][None]).max(axis=1)
        best = int(np.argmax((1 - weight) * scores[left] - weight * alike))
        chosen.append(left.pop(best))
    return chosen


def milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Give the median time of one run after a few to warm up."""
    times = []
    for number in range(repeats + 3):
        started = time.perf_counter()
        work()
        if number >= 3:
            times.append((time.perf_counter() - started) * 1e3)
    return float(np.median(times))


def main() -> None:
    """Measure and print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    ids, rows = candidates(count)
    scores = np.sort(np.random.default_rng(1).random(count).astype(np.float32))[::-1]
    nearest = Found(scores=scores, ids=ids)
    some = np.arange(0, 2 * count, 4)[:100]
    words = WordHits(
        found=Found(scores=np.linspace(9, 1, len(some)), ids=some),
        relevance=np.zeros(len(some)),
        total=10_000,
    )
    print(f"{count} candidates, dim {DIM}, {REPEATS} repeats, median ms\n")
    print("| what | ours | plain loop | ratio |\n|---|---|---|---|")
    ours = milliseconds(lambda: fold(ids, rows, hashes=[None] * count, threshold=THRESHOLD))
    plain = milliseconds(lambda: plain_fold(ids, rows), 5)
    print(f"| fold | {ours:.2f} | {plain:.2f} | {ours / plain:.3f} |")
    ours = milliseconds(lambda: diversify(scores, rows, weight=0.3))
    plain = milliseconds(lambda: plain_diversify(scores, rows, 0.3), 5)
    print(f"| diversify | {ours:.2f} | {plain:.2f} | {ours / plain:.3f} |")
    ours = milliseconds(lambda: blend(nearest, words, exhausted=False))
    print(f"| blend with {len(some)} word hits | {ours:.2f} | | |")
    ours = milliseconds(lambda: fuse([nearest, words.found]))
    print(f"| fuse with {len(some)} word hits | {ours:.2f} | | |")


if __name__ == "__main__":
    main()
