"""Search in a collection on a PostgreSQL server, against the same rows in a folder and raw pgvector.

    python benchmarks/server_speed.py [--items 100000]

The server comes from a wheel (the extra ``dev``) and runs on this machine, so that what is measured is the
work and not a network. The rows are those of benchmarks/many.py. Compared are the look-up of the ten nearest
by us and by one statement of SQL; filters of every width; whole searches without the model; and what each
writes and keeps.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psycopg
from index_speed import QUERIES, timed, whole
from many import DIM, clustered, fill, ood_queries

from indexer import Collection, ExactIndex
from indexer.collection.server_address import address_of, link

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.postgres_server import PostgresServer

_EF = 100


def recall(
    collection: Collection, exact: ExactIndex, queries: np.ndarray, allowed: np.ndarray | None
) -> float:
    """Tell which share of the true ten best is found."""
    found = 0
    for query in queries:
        mine = collection.search(query, 10, allowed=allowed)["image"].ids
        found += len(np.intersect1d(mine, exact.search(query, 10, allowed)[1]))
    return found / (10 * len(queries))


def raw(address: str, queries: np.ndarray) -> tuple[float, float]:
    """Time one statement of SQL by itself."""
    statement = (
        f"SELECT item_id FROM embeddings WHERE kind = 'image' "
        f"ORDER BY CAST(vector AS halfvec({DIM})) <#> CAST(%s AS halfvec({DIM})) LIMIT 10"
    )
    with psycopg.connect(address.replace("+psycopg", "")) as connection:
        connection.execute(f"SET hnsw.ef_search = {_EF}")
        texts = [str(query.tolist()) for query in queries]
        return timed(lambda text: connection.execute(statement, [text]).fetchall(), texts)


def look_ups(collection: Collection, address: str, count: int) -> None:
    """Measure look-ups and what they find."""
    own, words = next(clustered(QUERIES, QUERIES, seed=9)), ood_queries(QUERIES, 9)
    exact = ExactIndex(DIM)
    exact.add(*collection.store.embeddings("image"))
    ids = exact.ids()
    queries = np.concatenate([own, words])
    base = raw(address, queries)
    print("\n| look-up of the ten nearest | recall, pictures | recall, words | median ms | p95 ms | ratio |")
    print("|---|---|---|---|---|---|")
    print(f"| pgvector alone, one statement (baseline) | | | {base[0]:.2f} | {base[1]:.2f} | 1.0 |")
    for share in (None, 0.5, 0.1, 0.01, 0.001):
        allowed = None
        if share is not None:
            allowed = np.sort(np.random.default_rng(1).choice(ids, int(count * share), replace=False))
        median, p95 = timed(lambda q, a=allowed: collection.search(q, 10, allowed=a), queries)
        held = [recall(collection, exact, group[:50], allowed) for group in (own, words)]
        name = "ours, exact scores" + ("" if share is None else f", {share:.1%} of the items allowed")
        print(
            f"| {name} | {held[0]:.3f} | {held[1]:.3f} | {median:.2f} | {p95:.2f} | {median / base[0]:.1f} |",
            flush=True,
        )


def little(server: PostgresServer, folder: Path, count: int = 10_000) -> float:
    """Write some into a database of their own, a few at a time; give items a second."""
    link(folder, server.new_database())
    started = time.perf_counter()
    fill(folder, count, batch=32)
    return count / (time.perf_counter() - started)


def sizes(address: str, count: int) -> None:
    """Tell what the server keeps."""
    print("\n| on the server | bytes an item |\n|---|---|")
    names = ("embeddings", "embeddings_by_image", "items", "fields", "words", "words_by_lexeme")
    with psycopg.connect(address.replace("+psycopg", "")) as connection:
        for name in names:
            size = "pg_relation_size" if "_by_" in name else "pg_table_size"
            [total] = connection.execute(f"SELECT {size}('{name}')").fetchone()
            print(f"| {name} | {total / count:,.0f} |")
        [whole_] = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        print(f"| the whole database | {whole_ / count:,.0f} |")


def main() -> None:
    """Fill both, measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    count = parser.parse_args().items
    server = PostgresServer(safely=True, options="-c shared_buffers=2GB -c max_wal_size=4GB")
    try:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made, "server")
            link(folder, server.new_database())
            address = address_of(folder) or ""
            print(f"{count:,} items, dim {DIM}, {os.cpu_count()} cores, PostgreSQL on the same machine\n")
            started = time.perf_counter()
            fill(folder, count)
            filled = time.perf_counter()
            collection = Collection.open(folder)
            collection.save_indexes()
            graphed = time.perf_counter()
            started_local = time.perf_counter()
            fill(Path(made, "folder"), count)
            local = time.perf_counter() - started_local
            print("| writing | items/s | ratio |\n|---|---|---|")
            print(f"| to SQLite (baseline) | {count / local:,.0f} | 1.0 |")
            print(f"| to the server | {count / (filled - started):,.0f} | {local / (filled - started):.2f} |")
            few = little(server, Path(made, "few"))
            print(
                f"| to the server, 32 at a time as pictures come | {few:,.0f} | {few * local / count:.2f} |"
            )
            print(f"\nThe graph was built in {graphed - filled:.0f} s.")
            look_ups(collection, address, count)
            collection.close()
            whole(folder)
            print("\nThe same in a folder, with SQLite and FAISS:")
            whole(Path(made, "folder"))
            sizes(address, count)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
