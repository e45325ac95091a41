"""Measure how far a verdict changes with an article, a plural or a template around one name.

    python data/evaluation/variants.py COLLECTION [--names 300]

Each name of the phrase bank is asked in five ways; the spread is the highest coverage less the lowest one.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer import Collection, load_encoder
from search import PHRASES, Searcher, find_calibration, parse_query
from search.query.paraphrase import plural, with_article


def ways(name: str) -> tuple[str, ...]:
    """Give the ways in which people ask for a name."""
    return name, with_article(name), f"the {name}", plural(name), f"photo of {with_article(name)}"


def spread(searcher: Searcher, name: str, *, hybrid: bool) -> float:
    """Give the highest coverage of all ways less the lowest one."""
    queries = (replace(parse_query([way], k=1), hybrid=hybrid) for way in ways(name))
    coverages = [searcher.search(query).coverage or 0.0 for query in queries]
    return max(coverages) - min(coverages)


def main() -> None:
    """Print median, 95th percentile and the worst names, by embeddings alone and with words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collection", type=Path)
    parser.add_argument("--names", type=int, default=300)
    o = parser.parse_args()
    collection = Collection.open(o.collection)
    searcher = Searcher(
        collection, load_encoder("starter", spec=collection.spec), calibrated=find_calibration
    )
    singular = [phrase for phrase in PHRASES if " " not in phrase and plural(phrase) != phrase]
    names = np.random.default_rng(0).permutation(singular)[: o.names].tolist()
    for hybrid in (False, True):
        spreads = np.array([spread(searcher, name, hybrid=hybrid) for name in names])
        worst = [f"{names[i]} {spreads[i]:.2f}" for i in np.argsort(-spreads)[:5]]
        middle, high = np.median(spreads), np.quantile(spreads, 0.95)
        what = "with words" if hybrid else "embeddings"
        print(f"{what}: {len(names)} names, median {middle:.3f}, 95th percentile {high:.3f}, worst {worst}")


if __name__ == "__main__":
    main()
