"""What a search costs as a collection grows: a thousand, ten thousand, a hundred thousand, a million items.

    python benchmarks/size_curve.py [--sizes 1000,10000,100000,1000000] [--keep DIR]

Rows and queries are those of benchmarks/many.py. Measured at each size, by the index that ``findmake index``
would choose: one look-up in one thread, the whole search without the model (words, folding, verdict), the
same with a filter that a tenth of the items pass, opening, memory and files. --keep DIR holds the collections
for the next time (DIR/1000 and so on). ``docs/draw_scale.py`` draws the table that stands in results.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from index_speed import CALIBRATIONS, OPENING, timed
from many import DIM, FixedEncoder, fill, ood_queries

from indexer import Collection, optimize
from search import Calibration, Searcher, parse_filter, parse_query
from ui.server.threads import one_for_each_product

QUERIES = 100
WHERE = "price < 10"


def measured(folder: Path) -> list[str]:
    """Measure one collection, with NumPy set as in the page and the API; give the cells of its row."""
    one_for_each_product()
    collection = Collection.open(folder)
    collection.save_indexes()
    optimize(collection, others=lambda: {"words": ood_queries(QUERIES, 5)})
    count = len(collection)
    look_up, _ = timed(lambda query: collection.search(query, 10), ood_queries(QUERIES, 9))
    calibration = Calibration.load(next(CALIBRATIONS.glob("*.safetensors")))
    searcher = Searcher(collection, FixedEncoder(), calibrated=lambda *_: calibration)
    plain = [parse_query([f"red chair{number}"]) for number in range(QUERIES)]
    filtered = [replace(query, condition=parse_filter(WHERE), where=WHERE) for query in plain]
    times = [timed(searcher.search, asked)[0] for asked in (plain, filtered)]
    collection.close()
    done = subprocess.run(
        [sys.executable, "-c", OPENING, str(folder)], capture_output=True, text=True, check=True
    )
    seconds, own, _mapped = done.stdout.split()
    files = sum(path.stat().st_size for path in folder.glob("*.faiss"))
    database = (folder / "findmake.sqlite").stat().st_size
    numbers = [f"{look_up:.2f}", *(f"{each:.1f}" for each in times), seconds, own]
    return [f"{count:,}", *numbers, f"{files / count:,.0f}", f"{database / count:,.0f}"]


def main() -> None:
    """Fill and measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    given = parser.parse_args()
    print(f"dim {DIM}, {QUERIES} queries\n")
    print(
        "| items | look-up ms | search ms | with a filter ms | opens in s | MB of its own | index B | row B |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        for size in map(int, given.sizes.split(",")):
            folder = (given.keep or Path(made)) / str(size)
            if not folder.exists():
                fill(folder, size)
            print(f"| {' | '.join(measured(folder))} |", flush=True)


if __name__ == "__main__":
    main()
