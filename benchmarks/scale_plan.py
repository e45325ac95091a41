"""What collections of up to a billion items take, by arithmetic from what was measured, and a simulation.

    python benchmarks/scale_plan.py

Every constant names the table of results.md that it is from. The simulation lets several machines index into
one PostgreSQL: each embeds batches at the measured rate, and writes them one at a time, as the lock makes
them; it tells from how many machines on the writer is what holds them up.
"""

from __future__ import annotations

import heapq
import random

DIM = 512
# Measured here (results.md): bytes an item, rates a second, milliseconds.
THUMBNAIL_B = 12_000  # "Indexing end to end": WebP of 320 pixels, on average
SQLITE_ROW_B = 1_700  # "Large collections": without thumbnails
IVF_B, BEHIND_B = 524, 1_024  # "Large collections": in memory or mapped, and read from the same file
PG_VECTOR_B, PG_GRAPH_B, PG_ROW_B = 1_171, 1_366, 1_681  # "A collection on a server"
MILVUS_B = 4 * DIM + 2 * 16 * 8  # float32 and an HNSW graph of 16 neighbours, by its documentation
EMBED_RATE = 50  # "Indexing end to end": pictures a second of two cores
WRITE_RATE = 1_217  # "A collection on a server": items a second into PostgreSQL, 32 at a time
BATCH = 32
SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)


def storage() -> None:
    """Tell bytes by size and engine."""
    print(
        "| items | folder: disk | its memory for look-ups | PostgreSQL: disk | its memory | Milvus: memory |"
    )
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        cells = (
            SQLITE_ROW_B + THUMBNAIL_B + IVF_B + BEHIND_B,
            IVF_B,
            PG_ROW_B + PG_VECTOR_B + PG_GRAPH_B + THUMBNAIL_B,
            PG_VECTOR_B + PG_GRAPH_B,
            MILVUS_B,
        )
        print(f"| {size:,} | {' | '.join(told(each * size) for each in cells)} |")


def told(size: float) -> str:
    """Write bytes."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size / 1e6:,.0f} MB"


def embedding() -> None:
    """Tell how long pictures take to embed."""
    print("\n| pictures | 2 cores | 32 cores | 256 cores |\n|---|---|---|---|")
    for size in SIZES:
        days = [size / (EMBED_RATE * cores / 2) / 86_400 for cores in (2, 32, 256)]
        print(f"| {size:,} | {' | '.join(time_told(each) for each in days)} |")


def time_told(days: float) -> str:
    """Write a time."""
    if days < 1:
        return f"{days * 24:.1f} hours"
    return f"{days:,.1f} days"


def simulate(machines: int, *, batches: int = 4_000, seed: int = 0) -> tuple[float, float]:
    """Let machines embed and write; give items a second, and the share of their time that they waited.

    Times vary by a quarter around their mean. A machine embeds a batch, queues for the lock, writes, goes on.
    """
    rng = random.Random(seed)

    def around(mean: float) -> float:
        return max(rng.gauss(mean, mean / 4), mean / 10)

    ready = [(around(BATCH / EMBED_RATE), machine) for machine in range(machines)]
    heapq.heapify(ready)
    free = waited = worked = 0.0
    for _ in range(batches):
        at, machine = heapq.heappop(ready)
        begin = max(at, free)
        free = begin + around(BATCH / WRITE_RATE)
        embed = around(BATCH / EMBED_RATE)
        waited, worked = waited + begin - at, worked + embed + free - begin
        heapq.heappush(ready, (free + embed, machine))
    return batches * BATCH / free, waited / (waited + worked)


def contention() -> None:
    """Tell from how many machines on writing is what holds them up."""
    alone, _ = simulate(1)
    print(
        "\n| machines of two cores that index | pictures/s | of so many alone | time spent waiting |"
        "\n|---|---|---|---|"
    )
    for machines in (1, 2, 4, 8, 16, 32, 64):
        rate, waiting = simulate(machines)
        print(f"| {machines} | {rate:,.0f} | {rate / alone / machines:.2f} | {waiting:.0%} |")


if __name__ == "__main__":
    storage()
    embedding()
    contention()
