"""Search over 10,000 items without the model: the whole searcher against a NumPy matrix product.

    python benchmarks/search_speed.py [ITEMS]

Every item has a picture and a text, so both indexes are searched and brought to one scale. Measured alone,
and with all that a search may do besides: full-text search, a filter that a seventh of the items pass,
folding of near-duplicates, and the calibrated verdict. The baseline scores the same embeddings by one float32
matrix product and sorts, without ids, items or SQLite.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from many import DIM, FixedEncoder

import search
from indexer import Collection, Imported
from indexer.storage.drafts import Draft
from search import Calibration, Query, Searcher, parse_filter, parse_query
from ui.server.threads import one_for_each_product

QUERIES = 300
CALIBRATIONS = Path(search.__file__).with_name("calibrations")
FILTER = "brand = 'brand 3'"


def unit_rows(count: int, seed: int) -> np.ndarray:
    """Draw (count, DIM) float32 unit rows."""
    rows = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fill(collection: Collection, count: int) -> None:
    """Write items in batches, as indexing does."""
    images, texts = unit_rows(count, 1), unit_rows(count, 2)
    provenance = Imported(source="/photos", at=datetime.now(UTC))
    for start in range(0, count, 1000):
        drafts = [
            Draft(
                id=None,
                key=f"/photos/{i:07}.jpg",
                path=f"/photos/{i:07}.jpg",
                fingerprint=str(i),
                title=f"Picture {i}",
                text=f"caption of picture {i}",
                width=640,
                height=480,
                attributes={"price": i % 100, "brand": f"brand {i % 7}"},
                image_sha256=f"i{i}",
                text_sha256=f"t{i}",
                provenance=provenance,
                embeddings={"image": images[i], "text": texts[i]},
                thumbnail=b"x" * 8000,
            )
            for i in range(start, min(start + 1000, count))
        ]
        collection.store.write(drafts)
    collection.save_indexes()


def quantiles(times_ms: list[float]) -> str:
    """Format median and 95th percentile."""
    return f"{np.median(times_ms):.2f} | {np.percentile(times_ms, 95):.2f}"


def asked(number: int, way: str) -> Query:
    """Put a query together."""
    query = parse_query([f"query number {number}"])
    if way == "nearest only":
        return replace(query, hybrid=False, fold=False)
    if way.endswith("and filter"):
        return replace(query, condition=parse_filter(FILTER), where=FILTER)
    return query


def main() -> None:
    """Measure and print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    calibration = Calibration.load(next(CALIBRATIONS.glob("*.safetensors")))
    one_for_each_product()  # as the page and the API do
    with tempfile.TemporaryDirectory() as folder:
        encoder = FixedEncoder(unit_rows)
        collection = Collection.create(Path(folder), encoder)
        fill(collection, count)
        plain = Searcher(collection, encoder)
        judging = Searcher(collection, encoder, calibrated=lambda _collection, _encoder: calibration)
        ways = {
            "nearest only": plain,
            "words, folding": plain,
            "words, folding, verdict": judging,
            "words, folding, verdict and filter": judging,
        }
        both = [collection.embeddings(kind, np.arange(1, count + 1)) for kind in ("image", "text")]
        ours: dict[str, list[float]] = {way: [] for way in ways}
        numpy: list[float] = []
        for number in range(QUERIES + 20):  # the first twenty warm up
            for way, searcher in ways.items():
                results = searcher.search(asked(number, way))
                ours[way].append(results.took_ms - results.encoding_ms)
            embedding = encoder.encode_texts([f"query number {number}"])[0]
            started = time.perf_counter()
            for rows in both:
                np.argsort(-(rows @ embedding))[:10]
            numpy.append((time.perf_counter() - started) * 1e3)
        print(f"{count:,} items with picture and text, dim {DIM}, k = 10, {QUERIES} queries\n")
        print("| what | median ms | p95 ms | ratio of medians |\n|---|---|---|---|")
        base = float(np.median(numpy[20:]))
        for way, times in {**ours, "NumPy product and sort (baseline)": numpy}.items():
            print(f"| {way} | {quantiles(times[20:])} | {np.median(times[20:]) / base:.2f} |")
        collection.close()


if __name__ == "__main__":
    main()
