"""Measure the proof that a made picture must pass, with real pictures, where the right answer is known.

    python data/evaluation/verification.py DATA CACHE

Each article type of fashion-dev with at least ten pictures is taken out of half of the set and asked for by
its name. Candidates come from the other half: pictures of the type, of others at random, and the five
others that are nearest to the query. Printed is how many of each pass, by five rules
(generation/fill/verify.py).
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pictures

from generation.fill.verify import aimed
from indexer import Embeddings, load_encoder
from search import Best, Calibration, shipped_calibration

LEAST, DRAWN, NEAREST, DEPTH = 10, 15, 5, 10


def best_of(rows: Embeddings, query: Embeddings, size: int) -> Best:
    """Give the ten best of some rows."""
    scores = (rows @ query).astype(np.float32)
    order = np.argsort(-scores, kind="stable")[:DEPTH]
    return Best(ids=order.astype(np.int64), rows=rows[order], scores=scores[order], size=size)


def rules(calibration: Calibration, query: Embeddings, misses: Best, row: Embeddings) -> dict[str, bool]:
    """Say by which rules a picture passes."""
    alone = best_of(row[None], query, misses.size)
    chances, by_itself = calibration.judge("phrase", "image", query, alone)
    chance = float(chances[0])
    known = calibration.judge("phrase", "image", query, misses)[0]
    likelier = chance > known.max()
    resembled = chance > known[np.argmax(misses.rows @ row)]
    both = best_of(np.concatenate([misses.rows, row[None]]), query, misses.size + 1)
    coverage = calibration.judge("phrase", "image", query, both)[1]
    match = calibration.bars.match
    return {
        "coverage with the misses": coverage >= match and likelier,
        "that or its own probability, likelier than each miss": max(chance, coverage) >= match and likelier,
        "the same, as a picture that was made": max(aimed(chance), coverage) >= match and likelier,
        "likelier than the miss that it resembles": max(aimed(chance), coverage) >= match and resembled,
        "coverage of the picture alone": by_itself >= match,
    }


def main() -> None:
    """Print shares by rule and kind of candidate."""
    parser = argparse.ArgumentParser(description="Measure the proof that a made picture must pass.")
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("cache", type=Path, help="folder for embeddings")
    arguments = parser.parse_args()
    encoder = load_encoder("starter")
    calibration = shipped_calibration(encoder.spec.weights_sha256)
    assert calibration is not None
    told = pictures.read(arguments.data, "fashion-dev", ["image", "articleType"])
    rows = pictures.embed(arguments.cache, "fashion-dev", encoder, told["image"])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    kinds = np.array(told["articleType"])
    names = [name for name, count in Counter(kinds.tolist()).items() if count >= LEAST]
    queries = encoder.encode_texts([name.lower() for name in names])
    rng = np.random.default_rng(0)
    held = rng.random(len(rows)) < 0.5
    passed: dict[tuple[str, str], list[bool]] = {}
    types: dict[str, set[str]] = {}
    verdicts: Counter[str] = Counter()
    for name, query in zip(names, queries, strict=True):
        there = rows[(kinds != name) & held]
        misses = best_of(there, query, len(there))
        verdicts[calibration.bars.verdict(calibration.judge("phrase", "image", query, misses)[1])] += 1
        others = np.flatnonzero((kinds != name) & ~held)
        candidates = {
            "of the type": rng.permutation(np.flatnonzero((kinds == name) & ~held))[:DRAWN],
            "others": rng.permutation(others)[:DRAWN],
            "others nearest": others[np.argsort(-(rows[others] @ query))][:NEAREST],
        }
        for label, places in candidates.items():
            for place in places.tolist():
                for rule, passes in rules(calibration, query, misses, rows[place]).items():
                    passed.setdefault((rule, label), []).append(passes)
                    if passes and label == "of the type":
                        types.setdefault(rule, set()).add(name)
    print(f"{len(names)} types; verdicts with the type taken out: {dict(verdicts)}")
    for (rule, label), values in passed.items():
        print(f"{rule:55} {label:15} {np.mean(values):6.1%} of {len(values)}")
    for rule, found in types.items():
        print(f"{rule:55} types with at least one: {len(found) / len(names):.0%}")


if __name__ == "__main__":
    main()
