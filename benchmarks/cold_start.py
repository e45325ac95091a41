"""Where the time of one `findmake search WORDS` goes, in a fresh process each time, with the starter.

    python benchmarks/cold_start.py [REPEATS]

The baseline is a Python process that imports NumPy, faiss and torch and does nothing.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import skimage.data
from PIL import Image

STAGES = """
import time, sys
marks = [("start", time.perf_counter())]
def mark(name): marks.append((name, time.perf_counter()))
from pathlib import Path
from search import Searcher, parse_query
from indexer import Collection
mark("import indexer and search (NumPy, faiss, SQLAlchemy)")
collection = Collection.open(Path(sys.argv[1]))
mark("open the collection")
import torch
mark("import torch")
import torchvision
mark("import torchvision")
import transformers, timm, open_clip
mark("import open_clip, timm, transformers")
from indexer import load_encoder
encoder = load_encoder("starter", device="cpu")
mark("build the starter, read and check its weights")
results = Searcher(collection, encoder).search(parse_query(["a cup of coffee"]))
mark("search, with the check of the canaries")
for (_, before), (name, after) in zip(marks, marks[1:]):
    print(f"{name}\\t{after - before:.4f}")
"""


def timed(command: list[str]) -> tuple[float, str]:
    """Run a command; give seconds and its output."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, done.stdout


def main() -> None:
    """Measure and print two tables."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        photos.mkdir()
        for name in ("astronaut", "coffee", "chelsea", "rocket"):
            Image.fromarray(getattr(skimage.data, name)()).save(photos / f"{name}.png")
        collection = str(Path(folder, "collection"))
        findmake = [sys.executable, "-m", "ui.cli"]
        timed([*findmake, "index", str(photos), "--collection", collection, "--model", "starter"])
        commands = {
            "findmake search (whole process)": [
                *findmake,
                "search",
                "a cup of coffee",
                "--collection",
                collection,
            ],
            "findmake similar (no model needed)": [*findmake, "similar", "1", "--collection", collection],
            "findmake index, nothing new": [*findmake, "index", "--collection", collection],
            "findmake --help": [*findmake, "--help"],
            "python, importing numpy, faiss, torch (baseline)": [
                sys.executable,
                "-c",
                "import numpy, faiss, torch",
            ],
        }
        seconds = {name: [timed(command)[0] for _ in range(repeats)] for name, command in commands.items()}
        stages: dict[str, list[float]] = {}
        for _ in range(repeats):
            for line in timed([sys.executable, "-c", STAGES, collection])[1].splitlines():
                name, value = line.split("\t")
                stages.setdefault(name, []).append(float(value))
    print(f"median of {repeats} fresh processes, page cache warm\n\n| process | s |\n|---|---|")
    for name, values in seconds.items():
        print(f"| {name} | {statistics.median(values):.2f} |")
    print("\n| stage of a search | s |\n|---|---|")
    for name, values in stages.items():
        print(f"| {name} | {statistics.median(values):.2f} |")


if __name__ == "__main__":
    main()
