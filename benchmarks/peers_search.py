"""Looking up the ten nearest of the same vectors by other tools and by ours: one query at a time, no model.

    python -m venv PEERS && PEERS/bin/pip install rclip lancedb txtai
    python benchmarks/peers_search.py --peers PEERS/bin/python [--rows 100000]

Each contender runs in a process of its own: it fills itself, and is then asked one vector after another. The
vectors are those of benchmarks/many.py. Recall is against a plain product. rclip reads all vectors from its
database for each search of its command line, so that is what is timed; the others are as they come,
without tuning. The baseline is FAISS's flat index in one thread, the limit for who compares with everything.
"""

from __future__ import annotations

import argparse
import atexit
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

QUERIES, K = 100, 10
Ask = Callable[[np.ndarray], Sequence[int]]


def faiss_flat(rows: np.ndarray, folder: Path) -> Ask:
    """FAISS's IndexFlatIP."""
    import faiss

    faiss.omp_set_num_threads(1)
    index: Any = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return lambda query: index.search(query[None], K)[1][0].tolist()  # type: ignore[no-any-return]


def ours(rows: np.ndarray, folder: Path) -> Ask:
    """Our collection, filled as indexing does; exact, or by an inverted file if it is large."""
    from many import fill, ood_queries

    from indexer import Collection, optimize

    fill(folder / "collection", len(rows))
    collection = Collection.open(folder / "collection")
    optimize(collection, others=lambda: {"words": ood_queries(200, 5)})
    return lambda query: (collection.search(query, K)["image"].ids - 1).tolist()  # type: ignore[no-any-return]


def rclip(rows: np.ndarray, folder: Path) -> Ask:
    """Rclip's reading of its database, and its product."""
    os.environ["RCLIP_DATADIR"] = str(folder)
    from rclip import db, model
    from rclip.main import RClip

    database = db.DB(str(folder / "db.sqlite3"))
    for number, row in enumerate(rows):
        database.upsert_image(
            {
                "filepath": f"/photos/{number}.jpg",
                "modified_at": 0.0,
                "size": 1,
                "vector": row.tobytes(),
                "hash": str(number),
            },
            commit=False,
        )
    database.commit()
    tool = RClip(model.Model(), database, 8, None)

    def ask(query: np.ndarray) -> list[int]:
        paths, features = tool._get_features("/photos")
        similarities = features @ query
        order = sorted(
            zip(similarities, range(len(paths)), strict=True), key=lambda each: each[0], reverse=True
        )
        return [int(Path(paths[number]).stem) for _, number in order[:K]]

    return ask


def lance(rows: np.ndarray, folder: Path) -> Ask:
    """A table of LanceDB without an index."""
    import lancedb
    import pyarrow as pa

    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    table = lancedb.connect(folder / "lance").create_table(
        "photos", pa.table({"id": pa.array(range(len(rows))), "vector": vectors})
    )
    return lambda query: [
        hit["id"] for hit in table.search(query).metric("cosine").select(["id"]).limit(K).to_list()
    ]


def txtai(rows: np.ndarray, folder: Path) -> Ask:
    """Txtai's embeddings with vectors from outside, at its defaults."""
    from txtai import Embeddings

    held: dict[str, np.ndarray] = {}
    index = Embeddings(method="external", transform=lambda inputs: np.array([held.get(i, i) for i in inputs]))
    held.update({f"r{number}": row for number, row in enumerate(rows)})
    index.index([(number, f"r{number}", None) for number in range(len(rows))])

    def ask(query: np.ndarray) -> list[int]:
        held["query"] = query
        return [int(number) for number, _ in index.search("query", K)]

    return ask


def pgvector(rows: np.ndarray, folder: Path) -> Ask:
    """Pgvector's HNSW over half-precision vectors, on a server on this machine, at its defaults."""
    import psycopg

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.postgres_server import PostgresServer

    server = PostgresServer()
    atexit.register(server.stop)
    address = server.new_database().replace("+psycopg", "")
    link = psycopg.connect(address, autocommit=True)
    link.execute("CREATE EXTENSION IF NOT EXISTS vector")
    link.execute(f"CREATE TABLE photos (id int PRIMARY KEY, embedding halfvec({rows.shape[1]}))")
    with link.cursor().copy("COPY photos FROM STDIN") as copy:
        for number, row in enumerate(rows.tolist()):
            copy.write_row((number, str(row)))
    link.execute("SET maintenance_work_mem = '2GB'")
    link.execute("CREATE INDEX ON photos USING hnsw (embedding halfvec_ip_ops)")
    statement = f"SELECT id FROM photos ORDER BY embedding <#> %s::halfvec LIMIT {K}"
    return lambda query: [hit[0] for hit in link.execute(statement, [str(query.tolist())]).fetchall()]


CONTENDERS: dict[str, Callable[[np.ndarray, Path], Ask]] = {
    "FAISS flat, float32 (baseline)": faiss_flat,
    "findmake": ours,
    "rclip": rclip,
    "LanceDB": lance,
    "txtai": txtai,
    "pgvector": pgvector,
}
PEERS = ("rclip", "LanceDB", "txtai")


def run_one(name: str, count: int) -> None:
    """Fill a contender and ask it; print median, 95th percentile and recall."""
    from many import clustered, ood_queries

    rows = np.concatenate(list(clustered(count, 2_000)))  # as fill draws them
    queries = np.concatenate([next(clustered(QUERIES // 2, QUERIES, seed=9)), ood_queries(QUERIES // 2, 9)])
    with tempfile.TemporaryDirectory() as made:
        ask = CONTENDERS[name](rows, Path(made))
        ask(queries[0])
        times, right = [], []
        for query in queries:
            started = time.perf_counter()
            found = ask(query)
            times.append(1e3 * (time.perf_counter() - started))
            best = np.argsort(-(rows @ query))[:K].tolist()
            right.append(len(set(found) & set(best)) / K)
    print(f"found {statistics.median(times)} {np.percentile(times, 95)} {np.mean(right)}")


def main() -> None:
    """Run all contenders, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    print(f"{given.rows:,} vectors of 512, {QUERIES} queries one at a time, {os.cpu_count()} cores\n")
    print("| contender | median ms | p95 ms | recall@10 | ratio |\n|---|---|---|---|---|")
    first = 0.0
    for name in CONTENDERS:
        python = given.peers if name in PEERS else sys.executable
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        command = [python, __file__, "--run", name, str(given.rows)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        lines = [line for line in done.stdout.splitlines() if line.startswith("found ")]
        if not lines:
            print(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            continue
        median, p95, recall = map(float, lines[-1].split()[1:])
        first = first or median
        print(f"| {name} | {median:.2f} | {p95:.2f} | {recall:.3f} | {median / first:.2f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run_one(sys.argv[2], int(sys.argv[3]))
    else:
        main()
