"""The HTTP API over 10,000 items: 1 and 16 clients, with and without batching, by one process and by two.

    python benchmarks/api_throughput.py [ITEMS [SECONDS [ARCHITECTURE [words]]]]

The model is the starter, or an architecture of open_clip with random weights; it runs by onnxruntime,
prepared before. A server runs in a process of its own, the clients in threads of this one. Every query is
a new one, so that no cache helps. Beside the answers a second stands what an answer costs the server's
processor (from /proc, hence on Linux), which other programs on the machine disturb less. Encoding alone is
also measured, for what batching can save at most. The baseline of each ratio is one process without batching,
in the same run.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from architectures import prepared
from PIL import Image

from indexer import Collection, Encoder, Imported
from indexer.encoders.loader import STARTER
from indexer.storage.drafts import Draft
from ui.api.client import Client, ServerUnreachable

WORDS = ("red", "blue", "teal", "oak", "steel", "soft", "wide", "old", "tall", "chair", "lamp", "boot", "mug")
WINDOW_MS = 4.0
SERVERS = {  # by name: how long a batch waits, and how many processes answer
    "one process": (0.0, 1),
    "one process, batching": (WINDOW_MS, 1),
    "two processes, batching": (WINDOW_MS, 2),
}
BASELINE = "one process"
TURNS = 5  # of each server: what else the machine does meets both alike
STARTING_S = 180  # that a server may take to answer for the first time


@dataclass(slots=True, kw_only=True)
class Measured:
    """What the turns of one server gave.

    Attributes:
        times: milliseconds of each answer.
        seconds: of all turns.
        busy: seconds of processor time that the server spent in them.
    """

    times: list[float] = field(default_factory=list)
    seconds: float = 0.0
    busy: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    @property
    def cost(self) -> float:
        """Milliseconds of processor time for an answer."""
        return 1e3 * self.busy / len(self.times)

    def shown(self) -> str:
        """Write the rate, the median, the 95th percentile, and the cost."""
        p50, p95 = np.percentile(self.times, [50, 95])
        return f"{self.rate:.1f} | {p50:.0f} | {p95:.0f} | {self.cost:.1f}"


def fill(collection: Collection, count: int) -> None:
    """Write items with random embeddings, as indexing does."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, count, collection.spec.dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    provenance = Imported(source="/photos", at=datetime.now(UTC))
    for start in range(0, count, 1000):
        drafts = [
            Draft(
                id=None,
                key=f"/photos/{i:07}.jpg",
                path=f"/photos/{i:07}.jpg",
                fingerprint=str(i),
                title=" ".join(rng.choice(WORDS, 3)),
                text=" ".join(rng.choice(WORDS, 6)),
                width=640,
                height=480,
                attributes={"price": i % 100},
                image_sha256=f"i{i}",
                text_sha256=f"t{i}",
                provenance=provenance,
                embeddings={"image": rows[0, i], "text": rows[1, i]},
                thumbnail=b"x" * 8000,
            )
            for i in range(start, min(start + 1000, count))
        ]
        collection.store.write(drafts)
    collection.save_indexes()


def serve(folder: str, name: str) -> None:
    """Serve a collection until the process is ended; print the address before."""
    from ui.api.options import ApiOptions
    from ui.api.run import server
    from ui.api.service import Service
    from ui.api.workers import run_workers
    from ui.server.port import address_of, listen
    from ui.settings import Settings

    window_ms, workers = SERVERS[name]
    options = ApiOptions(window_ms=window_ms, rate=1e9, burst=10**9, workers=workers)
    settings = Settings(collection=Path(folder), log_misses=False)
    with listen("127.0.0.1", 0) as listening:
        print(address_of(listening), flush=True)
        if workers > 1:
            run_workers(settings, options, listening)
            return
        service = Service(settings, options)
        service.warm_up()
        server(service).run(sockets=[listening])


def busy(process: subprocess.Popen[str]) -> float:
    """Read how many seconds of processor time a process and its children have spent."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    total = 0
    for pid in (process.pid, *children):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def new_words(number: int) -> str:
    """Write a query that nobody asked before."""
    rng = np.random.default_rng(number)
    return f"{' '.join(rng.choice(WORDS, 4))} number {number}"


def new_picture(number: int) -> bytes:
    """Draw a photo-sized JPEG that nobody asked with before."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
    buffer = io.BytesIO()
    small.resize((640, 480), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def wait_for(address: str) -> None:
    """Wait until a server answers: several processes load their models after they have taken the port."""
    latest = time.monotonic() + STARTING_S
    while True:
        try:
            with Client(address) as client:
                client.search("something")
            return
        except ServerUnreachable:
            if time.monotonic() > latest:
                raise
            time.sleep(0.2)


def ask(address: str, clients: int, seconds: float, kind: str, first: int) -> Measured:
    """Let clients ask one query after another, each a new one from a number on."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    def run(place: int) -> None:
        number = first + place * 1_000_000
        with Client(address) as client:
            while (started := time.perf_counter()) < end:
                number += 1
                if kind == "words":
                    client.search(new_words(number))
                else:
                    client.search_picture(new_picture(number))
                times.append((time.perf_counter() - started) * 1e3)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Measured(times=times, seconds=time.perf_counter() - started)


def encoding(encoder: Encoder, size: int, kind: str) -> float:
    """Measure inputs encoded a second, so many at a time."""
    words = [new_words(number) for number in range(size)]
    pictures = [Image.open(io.BytesIO(new_picture(number))).convert("RGB") for number in range(size)]
    work: Callable[[], object] = (
        (lambda: encoder.encode_texts(words))
        if kind == "words"
        else (lambda: encoder.encode_images(pictures))
    )
    times = []
    for _ in range(12):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return size / float(np.median(times[2:]))


def main() -> None:
    """Measure and print two tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    architecture = sys.argv[3] if len(sys.argv) > 3 else STARTER
    with tempfile.TemporaryDirectory() as folder:
        encoder = prepared(architecture, Path(folder, "models"))
        collection = Collection.create(Path(folder) / "c", encoder)
        fill(collection, count)
        collection.close()
        print("| encoding alone, inputs/s | one at a time | 16 at a time | ratio |\n|---|---|---|---|")
        kinds = tuple(sys.argv[4:5]) or ("words", "pictures")
        for kind in kinds:
            one, many = encoding(encoder, 1, kind), encoding(encoder, 16, kind)
            print(f"| {kind} | {one:.1f} | {many:.1f} | {many / one:.2f} |", flush=True)
        del encoder
        print(f"\n{count:,} items, {architecture}, {seconds:g} s each\n")
        print("| query | clients | server | answers/s | p50 ms | p95 ms | CPU ms each | ratio | CPU ratio |")
        print("|---|---|---|---|---|---|---|---|---|")
        compare(str(Path(folder) / "c"), seconds, kinds)


def compare(folder: str, seconds: float, kinds: Sequence[str]) -> None:
    """Ask all servers the same, in turns."""
    script = [sys.executable, __file__, "--serve", folder]
    servers = {name: subprocess.Popen([*script, name], stdout=subprocess.PIPE, text=True) for name in SERVERS}
    try:
        addresses = {n: s.stdout.readline().strip() for n, s in servers.items() if s.stdout is not None}
        for address in addresses.values():
            wait_for(address)
        for kind in kinds:
            for clients in (1, 16):
                found = {name: Measured() for name in addresses}
                for turn in range(TURNS + 1):
                    for name, address in addresses.items():
                        before = busy(servers[name])
                        run = ask(address, clients, seconds / TURNS, kind, 10_000 * (turn + 1))
                        if turn:  # the first warms up
                            found[name].times += run.times
                            found[name].seconds += run.seconds
                            found[name].busy += busy(servers[name]) - before
                for name, measured in found.items():
                    row = f"{kind} | {clients} | {name} | {measured.shown()}"
                    ratio = measured.rate / found[BASELINE].rate
                    saved = found[BASELINE].cost / measured.cost
                    print(
                        f"| {row} | {ratio:.2f} | {saved:.2f} |",
                        flush=True,
                    )
    finally:
        for process in servers.values():
            process.terminate()
            process.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3])
    else:
        main()
