"""Indexing a folder again in which nothing has changed, against a bare walk.

    python benchmarks/rescan_speed.py [FILES]

The baseline walks the same folder with os.scandir and asks each file's size and time. Files are short texts,
500 in a folder; the model costs nothing, since nothing is encoded. The runs take turns.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from many import FixedEncoder

from indexer import Collection, index_sources, open_source

ROUNDS, IN_A_FOLDER = 5, 500


def walk(folder: str) -> int:
    """Count the files below a folder, with a look at each one's size and time."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                count += walk(entry.path)
            else:
                known = entry.stat()
                count += bool(known.st_size and known.st_mtime_ns)
    return count


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    encoder = FixedEncoder()
    with tempfile.TemporaryDirectory() as made:
        notes = Path(made, "notes")
        for number in range(count):
            folder = notes / f"{number // IN_A_FOLDER:04}"
            if number % IN_A_FOLDER == 0:
                folder.mkdir(parents=True)
            (folder / f"{number:06}.txt").write_text(f"note {number}")
        collection = Collection.create(Path(made, "collection"), encoder)
        first = seconds(lambda: index_sources(collection, encoder, [open_source(notes)]))
        times: dict[str, list[float]] = {
            "a walk with os.scandir and stat (baseline)": [],
            "findmake index": [],
        }
        bare, again = times.values()
        for _ in range(ROUNDS):
            bare.append(seconds(lambda: walk(str(notes))))
            again.append(seconds(lambda: index_sources(collection, encoder, [open_source(notes)])))
        collection.close()
    print(f"{count:,} files, unchanged; the first run took {first:.0f} s\n")
    print("| | s, median | ratio |\n|---|---|---|")
    baseline = statistics.median(bare)
    for name, taken in times.items():
        print(f"| {name} | {statistics.median(taken):.2f} | {statistics.median(taken) / baseline:.1f} |")


if __name__ == "__main__":
    main()
