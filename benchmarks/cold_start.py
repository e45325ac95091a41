"""Where the time of one `findmake search WORDS` goes, in a fresh process each time, with the starter.

    python benchmarks/cold_start.py [REPEATS [ITEMS]]

The baseline of a search is a Python process that imports NumPy, onnxruntime and faiss and does nothing. The
starter is prepared first, in this user's cache, if it was not. Commands take turns, so that a noisy machine
hits all alike.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages import fill

from indexer import load_encoder, prepare

STAGES = """
import time, sys
marks = [("start", time.perf_counter())]
def mark(name): marks.append((name, time.perf_counter()))
from pathlib import Path
import numpy, faiss
mark("import NumPy and faiss")
import sqlalchemy
mark("import SQLAlchemy")
from search import Searcher, find_calibration, parse_query
from indexer import Collection, load_encoder
mark("import the rest of indexer and search")
collection = Collection.open(Path(sys.argv[1]))
mark("open the collection")
import onnxruntime, tokenizers, ftfy
mark("import onnxruntime, tokenizers, ftfy")
encoder = load_encoder("starter", device="cpu", spec=collection.spec)
mark("find the prepared model, read its tokenizer")
encoder.encode_texts(["a cup of coffee"])
mark("read its text tower, encode")
Searcher(collection, encoder, calibrated=find_calibration).search(parse_query(["a red lamp"]))
mark("search, with the check of the canaries, index files and verdict")
for (_, before), (name, after) in zip(marks, marks[1:]):
    print(f"{name}\\t{after - before:.4f}")
"""


def timed(command: list[str], **environment: str) -> tuple[float, str]:
    """Run a command; give seconds and its output."""
    started = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return time.perf_counter() - started, done.stdout


def commands_of(collection: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Name each command that is timed, with what it needs of the environment; the baseline is the first."""
    findmake, at = [sys.executable, "-m", "ui.cli"], ["--collection", collection]
    search = [*findmake, "search", "a cup of coffee", *at]
    return {
        "python, importing numpy, onnxruntime, faiss (baseline)": (
            [sys.executable, "-c", "import numpy, onnxruntime, faiss"],
            {},
        ),
        "findmake search, model prepared": (search, {"FINDMAKE_RUNTIME": "auto"}),
        "findmake search, by torch": (search, {"FINDMAKE_RUNTIME": "torch"}),
        "findmake similar (no model needed)": ([*findmake, "similar", "1", *at], {}),
        "findmake --help": ([*findmake, "--help"], {}),
    }


def main() -> None:
    """Measure and print two tables."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    prepare(load_encoder("starter", device="cpu", runtime="torch"))
    with tempfile.TemporaryDirectory() as folder:
        collection = Path(folder, "collection")
        fill(collection, count)
        commands = commands_of(str(collection))
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        stages: dict[str, list[float]] = {}
        for turn in range(repeats + 1):  # the first warms the page cache
            for name, (command, environment) in commands.items():
                taken = timed(command, **environment)[0]
                seconds[name] += [taken] if turn else []
            for line in timed([sys.executable, "-c", STAGES, str(collection)])[1].splitlines():
                name, value = line.split("\t")
                stages.setdefault(name, []).append(float(value))
    print(f"{count:,} items, median of {repeats} fresh processes, page cache warm\n")
    print("| process | s | ratio |\n|---|---|---|")
    baseline = statistics.median(next(iter(seconds.values())))
    for name, values in seconds.items():
        print(f"| {name} | {statistics.median(values):.2f} | {statistics.median(values) / baseline:.1f} |")
    print("\n| stage of a search | s |\n|---|---|")
    for name, values in stages.items():
        print(f"| {name} | {statistics.median(values):.2f} |")


if __name__ == "__main__":
    main()
