"""How long the map of a collection takes, how much memory, and how far its neighbourhoods can be trusted.

    OMP_NUM_THREADS=1 python benchmarks/map_quality.py [--embeddings ROWS.npy] [--landmarks 3000 5000 10000]

Without a file of embeddings, (n, dim) float32 of length 1, it draws 10,000 around 200 directions. The
trustworthiness is scikit-learn's, by cosine, over 10 neighbours, on 3,000 of the items drawn by chance: 1 if
all neighbours on the plane are neighbours among the embeddings, 0.5 for a plane without meaning. The baseline
is the plane of the two strongest principal components.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from sklearn.manifold import trustworthiness

from search import project
from search.map.projection import principal

ITEMS, GROUPS, DIM = 10_000, 200, 256
JUDGED = 3_000


def drawn() -> np.ndarray:
    """Draw (ITEMS, DIM) float32 unit rows in groups."""
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(GROUPS, DIM))
    rows = middles[rng.integers(0, GROUPS, ITEMS)] + 0.7 * rng.normal(size=(ITEMS, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--landmarks", type=int, nargs="+", default=[3_000, 5_000, 10_000])
    chosen = parser.parse_args()
    rows = np.load(chosen.embeddings) if chosen.embeddings else drawn()
    judged = np.random.default_rng(1).choice(len(rows), min(JUDGED, len(rows)), replace=False)

    def trust(points: np.ndarray) -> float:
        return float(trustworthiness(rows[judged], points[judged], n_neighbors=10, metric="cosine"))

    print(f"{len(rows):,} items, dim {rows.shape[1]}\n")
    print("| landmarks | wall s | processor s | peak memory GB | trustworthiness |\n|---|---|---|---|---|")
    print(f"| principal components (baseline) | | | | {trust(principal(rows, 2)):.4f} |", flush=True)
    for landmarks in chosen.landmarks:
        wall, processor = time.perf_counter(), time.process_time()
        points = project(rows, landmarks=landmarks)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"| {landmarks:,} | {wall:.1f} | {processor:.1f} | {peak:.2f} | {trust(points):.4f} |", flush=True
        )


if __name__ == "__main__":
    main()
