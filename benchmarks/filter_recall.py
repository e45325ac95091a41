"""How much filters find in a large collection, by chance and by what things look like, and what it costs.

    python benchmarks/filter_recall.py [--items 1000000] [--keep DIR]

Rows and queries are those of benchmarks/many.py. Permitted is a share of the items: drawn at random, or the
nearest to one picture, or the farthest from it. Such filters, as by a category or a colour, leave the lists
that are nearest to a query empty. Recall is of the true ten best among what is permitted, for queries like
pictures and like words; times are of one look-up in one thread, each query having been asked before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from index_speed import timed
from many import clustered, filled, ood_queries

from indexer import Collection, optimize

QUERIES = 100  # of each group
SHARES = (0.5, 0.1, 0.01, 0.001)


def permitted(collection: Collection, ids: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Draw what filters permit: a name, and ids ascending."""
    chance = np.random.default_rng(1).random(len(ids))
    pivot = collection.embeddings("image", ids[len(ids) // 3 :][:1])[0]
    chunks = collection.store.embeddings_in_chunks("image")
    alike = np.concatenate([rows @ pivot for _, rows in chunks])
    ways = {"drawn at random": chance, "nearest to a picture": -alike, "farthest from it": alike}
    for way, order in ways.items():
        for share in SHARES:
            allowed = ids[order < np.quantile(order, share)]
            if len(allowed) <= 10:  # of so few everything is found
                continue
            allowed.setflags(write=False)  # as filters give them
            yield f"{share:.1%} {way}", allowed


def truth(collection: Collection, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score everything: ids (n,) and (q, n) float16-stored cosines as float32."""
    ids, scores = [], []
    for some, rows in collection.store.embeddings_in_chunks("image"):
        ids.append(some)
        scores.append((queries @ rows.T).astype(np.float32))
    return np.concatenate(ids), np.concatenate(scores, axis=1)


def main() -> None:
    """Fill, open, measure."""
    with filled(__doc__) as folder:
        collection = Collection.open(folder)
        optimize(collection, others=lambda: {"words": ood_queries(200, 5)})
        queries = np.concatenate([next(clustered(QUERIES, QUERIES, seed=9)), ood_queries(QUERIES, 9)])
        ids, scores = truth(collection, queries)
        print(f"{len(ids):,} items, the ten nearest of what is permitted\n")
        print("| permitted | recall, pictures | recall, words | median ms | p95 ms |\n|---|---|---|---|---|")
        for name, allowed in permitted(collection, ids):
            places = np.searchsorted(ids, allowed)
            hits = []
            for number, query in enumerate(queries):
                best = allowed[np.argpartition(-scores[number, places], 10)[:10]]
                found = collection.search(query, 10, allowed=allowed)["image"].ids
                hits.append(len(np.intersect1d(best, found)) / 10)
            median, p95 = timed(lambda query, a=allowed: collection.search(query, 10, allowed=a), queries)
            own, words = np.mean(hits[:QUERIES]), np.mean(hits[QUERIES:])
            print(f"| {name} | {own:.3f} | {words:.3f} | {median:.2f} | {p95:.2f} |", flush=True)
        collection.close()


if __name__ == "__main__":
    main()
