"""The memory of a process that serves the API over very many items, with the starter.

    python benchmarks/serving_memory.py [--items 1000000] [--keep DIR]

The items are those of benchmarks/many.py, the process is ``findmake serve --api``, and it answers sixty
queries in words, half of them with a filter that a tenth of the items pass. --keep DIR uses a collection
again.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from many import FixedEncoder, filled, ood_queries

from indexer import KINDS, Collection, Encoder, load_encoder, optimize, prepare
from indexer.encoders import canary_embeddings

QUERIES = 60


def belong_to(folder: Path, encoder: Encoder) -> None:
    """Let a collection take its embeddings for those of an encoder."""
    collection = Collection.open(folder)
    canaries = {kind: canary_embeddings(encoder, kind).tolist() for kind in KINDS}
    collection.store.set_meta(spec=asdict(encoder.spec), canaries=canaries)
    collection.save_indexes()
    optimize(collection, others=lambda: {"words": ood_queries(200, 5)})
    collection.close()


def memory(process: int) -> str:
    """Tell how many MB a process holds: in all, and of its own."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = [re.search(rf"{name}:\s+(\d+)", status) for name in ("VmRSS", "RssAnon")]
    return " | ".join(f"{int(each[1]) / 1024:.0f}" for each in found if each)


def serve(folder: Path) -> None:
    """Serve, ask, and print what is held before and after."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "ui.cli",
        "serve",
        "--api",
        "--port",
        str(port),
        "--collection",
        str(folder),
    ]
    environment = os.environ | {"FINDMAKE_LOG_MISSES": "off"}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(120):
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/health", timeout=2).close()
                break
            time.sleep(1)
        print("| | MB in all | of its own |\n|---|---|---|")
        print(f"| started | {memory(server.pid)} |")
        for number in range(QUERIES):
            query = f"q=red+chair{number}" + ("&where=price%3C10" if number % 2 else "")
            with urllib.request.urlopen(f"{address}/search?{query}", timeout=120) as answer:
                assert json.load(answer)["hits"]
        print(f"| after {QUERIES} queries | {memory(server.pid)} |")
        server.terminate()


def main() -> None:
    """Fill, lend the collection to the starter, serve it."""
    with filled(__doc__) as folder:
        prepare(load_encoder("starter", device="cpu", runtime="torch"))
        try:
            belong_to(folder, load_encoder("starter"))
            serve(folder)
        finally:
            belong_to(folder, FixedEncoder())


if __name__ == "__main__":
    main()
