"""Search with a filter, and the filter itself, against the ways that were tried before.

    python benchmarks/filter_speed.py [ITEMS]

For each share of allowed items: scoring them one by one, and walking the whole index with a bitmap; the index
chooses between the two by ``_FEW`` and ``_SHARE``. Then the first and the repeated selection of typical
filters, and words. Times are the thread's own CPU milliseconds, medians.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from search_speed import DIM, FixedEncoder, fill, unit_rows

from indexer import Collection, FaissIndex, Tagging
from indexer.vectors import faiss as ours
from search import keyword_search, parse_filter

ROUNDS = 15
SHARES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.0001)
FILTERS = (
    "price<80",
    'brand in ("brand 1", "brand 2")',
    'price<80 and brand in ("brand 1", "brand 2") and not tag:sale',
    "path~*/00001*",
    "added>2024",
)
WORDS = ("caption 123", "picture 17", "brand 3", "AB-1234/X", "tractor", "pictu", "caption of picture")


def median_ms(action: Callable[[], object]) -> float:
    """Time an action several times after one warm-up."""
    action()
    times = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        action()
        times.append((time.thread_time() - started) * 1e3)
    return float(np.median(times))


def compare_strategies(count: int) -> None:
    """Measure both ways for each share of allowed ids."""
    index = FaissIndex(DIM)
    ids = np.arange(1, count + 1)
    index.add(ids, unit_rows(count, 3))
    query = unit_rows(1, 4)[0]
    rng = np.random.default_rng(5)
    usual = ours._FEW, ours._SHARE
    print(f"{count:,} embeddings, dim {DIM}, k = 10\n")
    print("| allowed | one by one ms | whole index with a bitmap ms | chosen ms | finding their rows ms |")
    print("|---|---|---|---|---|")
    for share in SHARES:
        allowed = np.sort(rng.choice(ids, max(1, int(count * share)), replace=False))
        measured = []
        for few, share_scored in ((count, 1), (0, count), usual):
            ours._FEW, ours._SHARE = few, share_scored
            measured.append(median_ms(lambda: index.search(query, 10, allowed)))  # noqa: B023 - called at once
        rows = median_ms(lambda: index.holds(allowed))  # noqa: B023 - called at once
        print(f"| {len(allowed):,} | " + " | ".join(f"{ms:.2f}" for ms in (*measured, rows)) + " |")


def measure_catalogue(count: int) -> None:
    """Measure selections and words over a collection."""
    with tempfile.TemporaryDirectory() as folder:
        collection = Collection.create(Path(folder), FixedEncoder())
        fill(collection, count)
        collection.store.add_tags([Tagging(item_id=i, tag="sale") for i in range(1, count, 10)])
        print(f"\n{count:,} items\n\n| filter | items | first ms | repeated ms |\n|---|---|---|---|")
        for text in FILTERS:
            condition = parse_filter(text)
            first = median_ms(lambda: collection.store._select(condition, 0))  # noqa: B023 - called at once
            again = median_ms(lambda: collection.select(condition))  # noqa: B023 - called at once
            print(f"| `{text}` | {len(collection.select(condition)):,} | {first:.2f} | {again:.3f} |")
        print("\n| words | found | ms |\n|---|---|---|")
        for text in WORDS:
            found = keyword_search(collection, text, 50)
            ms = median_ms(lambda: keyword_search(collection, text, 50))  # noqa: B023 - called at once
            print(f"| {text} | {len(found)} | {ms:.2f} |")
        print(f"\nfacets of all items: {median_ms(collection.store.facets):.1f} ms")
        hundred = np.arange(1, 101)
        print(f"facets of 100 items: {median_ms(lambda: collection.store.facets(hundred)):.1f} ms")
        collection.close()


def main() -> None:
    """Measure and print the tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    compare_strategies(count)
    measure_catalogue(count)


if __name__ == "__main__":
    main()
