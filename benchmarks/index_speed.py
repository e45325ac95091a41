"""Search in very large collections: the inverted file against the exact index and raw FAISS, and its cost.

    python benchmarks/index_speed.py [--items 1000000] [--keep DIR]

The collection is synthetic (benchmarks/many.py): clustered rows of 512 numbers; queries from the same
clusters, and others around another mean, as texts are. What is compared: our look-up (candidates by codes,
exact scores read from SQLite), the same inverted file asked by FAISS alone, and the exact index, on a part of
the rows. Then the whole search without the model: verdict, words, folding, and a filter. Filling takes eight
minutes for a million items; --keep DIR uses a folder again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from many import DIM, FixedEncoder, clustered, filled, ood_queries

import search
from indexer import Collection, FaissIndex, optimize
from indexer.indexes.manifest import read_manifest
from search import Calibration, Searcher, parse_filter, parse_query
from ui.server.threads import one_for_each_product

QUERIES = 200
EXACT_ROWS = 100_000
CALIBRATIONS = Path(search.__file__).with_name("calibrations")
OPENING = """
import sys, time
import resource
started = time.perf_counter()
from pathlib import Path
from indexer import Collection
imported = time.perf_counter()
collection = Collection.open(Path(sys.argv[1]))
collection.count("image")
opened = time.perf_counter()
def rss():
    lines = Path("/proc/self/status").read_text().splitlines()
    told = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}
    return f"{told['RssAnon']:.0f}\\t{told['RssFile']:.0f}"
print(f"{opened - imported:.3f}\\t{rss()}")
"""


def timed(work: Callable[[Any], object], inputs: Any) -> tuple[float, float]:
    """Time work on each input, all done once before: files are mapped; median and 95th percentile in ms."""
    times = []
    for one in inputs:
        work(one)
    for one in inputs:
        started = time.perf_counter()
        work(one)
        times.append(1e3 * (time.perf_counter() - started))
    return float(np.median(times)), float(np.percentile(times, 95))


def built(folder: Path) -> None:
    """Build the index, and print what was tried."""
    collection = Collection.open(folder)
    started = time.perf_counter()
    made = optimize(collection, forced=True, others=lambda: {"words": ood_queries(QUERIES, 5)}, say=print)
    print(f"built and tuned in {time.perf_counter() - started:.0f} s\n")
    print("| lists looked at | recall@10, pictures | recall@10, words | ms | bytes a vector |")
    print("|---|---|---|---|---|")
    for trial in made["image"].trials:
        own, words = trial.recall.values()
        print(f"| {trial.probes} | {own:.3f} | {words:.3f} | {trial.median_ms:.2f} | {trial.bytes:.0f} |")
    collection.close()


def look_ups(folder: Path) -> None:
    """Time one look-up in one thread, by several ways."""
    collection = Collection.open(folder)
    files = read_manifest(folder, str(collection.store.meta("id")))
    assert files is not None
    file = files["image"]
    raw: Any = faiss.read_index(str(folder / file.file), faiss.IO_FLAG_MMAP_IFC)
    raw.nprobe = file.probes
    faiss.omp_set_num_threads(1)
    queries = np.concatenate([next(clustered(QUERIES, QUERIES, seed=9)), ood_queries(QUERIES, 9)])
    np.random.default_rng(0).shuffle(queries)
    ids = np.arange(1, len(collection) + 1)  # as filling gives them
    print("\n| look-up of the ten nearest, one thread | median ms | p95 ms | ratio |\n|---|---|---|---|")
    exact = FaissIndex(DIM)
    some = collection.store.embeddings_of("image", ids[: min(EXACT_ROWS, len(ids))])
    exact.add(*some)
    rows: list[tuple[str, tuple[float, float]]] = [
        ("FAISS alone, codes only (baseline)", timed(lambda q: raw.search(q[None], 10), queries)),
        ("ours, exact scores", timed(lambda q: collection.search(q, 10), queries)),
    ]
    for share in (0.5, 0.1, 0.01, 0.0001):
        allowed = np.sort(np.random.default_rng(1).choice(ids, int(len(ids) * share), replace=False))
        allowed.setflags(write=False)  # as filters give them: what is prepared for one serves again
        told = f"ours, {share:.2%} of the items allowed"
        rows.append((told, timed(lambda q, a=allowed: collection.search(q, 10, allowed=a), queries)))
    rows.append(
        (f"the exact index over {len(exact):,} of them", timed(lambda q: exact.search(q, 10), queries[:100]))
    )
    for name, (median, p95) in rows:
        print(f"| {name} | {median:.2f} | {p95:.2f} | {median / rows[0][1][0]:.1f} |", flush=True)
    collection.close()


def whole(folder: Path) -> None:
    """Time whole searches without the model, with NumPy set as in the page and the API."""
    one_for_each_product()
    collection, encoder = Collection.open(folder), FixedEncoder()
    calibration = Calibration.load(next(CALIBRATIONS.glob("*.safetensors")))
    searcher = Searcher(collection, encoder, calibrated=lambda _collection, _encoder: calibration)
    words = [f"red chair{number}" for number in range(QUERIES)]
    filtered = parse_filter("price < 10")
    queries = {
        "nearest, verdict": [replace(parse_query([w]), hybrid=False, fold=False) for w in words],
        "nearest, folding, verdict": [replace(parse_query([w]), hybrid=False) for w in words],
        "nearest, words, folding, verdict": [parse_query([w]) for w in words],
    }
    for name, asked in list(queries.items())[1:]:
        queries[f"{name}, a tenth allowed by a filter"] = [
            replace(query, condition=filtered, where="price < 10") for query in asked
        ]
    print("\n| a whole search without the model | median ms | p95 ms |\n|---|---|---|")
    for name, asked in queries.items():
        median, p95 = timed(searcher.search, asked)
        print(f"| {name} | {median:.2f} | {p95:.2f} |", flush=True)
    collection.close()


def opening(folder: Path) -> None:
    """Time the opening, and read the memory, of a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", OPENING, str(folder)], capture_output=True, text=True, check=True
    )
    seconds, anonymous, mapped = done.stdout.split()
    size = sum(path.stat().st_size for path in folder.glob("*.ivf.faiss"))
    print("\n| a fresh process opens it | |\n|---|---|")
    print(f"| seconds, after its imports | {seconds} |")
    print(f"| MB of memory, of its own / mapped | {anonymous} / {mapped} |")
    print(f"| MB of the index file | {size / 1e6:.0f} |")


def main() -> None:
    """Fill, build, measure."""
    with filled(__doc__) as folder:
        print(f"dim {DIM}, {os.cpu_count()} cores\n")
        built(folder)
        look_ups(folder)
        whole(folder)
        opening(folder)


if __name__ == "__main__":
    main()
