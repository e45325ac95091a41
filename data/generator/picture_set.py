"""Pictures decoded once for training, 128 x 128 pixels, with what is known of each.

    python data/generator/picture_set.py DATA FOLDER

Writes FOLDER/pixels.npy, (n, 128, 128, 3) uint8, to be mapped into memory, and FOLDER/pictures.parquet.
"""

from __future__ import annotations

import argparse
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from sources import SHARES, Source, read_sources

from generation.starter.resize import Pixels, squared

SIDE = 128
PIXELS_FILE, TABLE_FILE = "pixels.npy", "pictures.parquet"
_CHUNK = 512
_HELD_OUT = 50  # one of so many pictures is held out, by a hash of its name
_PLAIN_BORDER = 10  # greatest mean deviation, of 255, of a border of one colour
_BRIGHT = 200  # of 255, from which such a border is a shop's background
_EVEN = 8  # kinds with fewer pictures are drawn no more often than those with so many


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """The prepared pictures.

    Attributes:
        pixels: (n, 128, 128, 3) uint8, mapped from the disk.
        table: columns as ``Source``, without the image; and ``side``, the pixels it truly had, at most 128,
            ``plain``, whether it stands before a plain bright background, and ``held_out``.
    """

    pixels: Pixels
    table: pa.Table

    def __len__(self) -> int:
        return len(self.pixels)

    def column(self, name: str) -> NDArray[Any]:
        """Give a column as an array (n,)."""
        return self.table[name].to_numpy(zero_copy_only=False)

    def training_rows(self, *, non_commercial: bool = True) -> NDArray[np.int64]:
        """Give the rows to learn from, ascending: none held out; non-commercial ones only if wanted."""
        kept = ~self.column("held_out").astype(bool)
        if not non_commercial:
            kept &= self.column("commercial").astype(bool)
        return np.flatnonzero(kept)

    def weights(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give how often each of some rows is to be drawn, (m,), in all 1.

        Each group has its share; within a group a kind with four times as many pictures comes twice as often.
        """
        groups, kinds = self.column("group")[rows], self.column("kind")[rows]
        weights = np.ones(len(rows))
        for group in np.unique(groups):
            inside = np.flatnonzero(groups == group)
            _, place, counts = np.unique(kinds[inside], return_inverse=True, return_counts=True)
            counts[np.unique(kinds[inside]) == ""] = _EVEN  # without a label, each is a kind of its own
            own = np.maximum(counts, _EVEN)[place] ** -0.5
            weights[inside] = SHARES[group] * own / own.sum()
        return weights / weights.sum()


def read_pictures(folder: Path) -> Pictures:
    """Open what ``prepare`` wrote."""
    return Pictures(
        pixels=np.load(folder / PIXELS_FILE, mmap_mode="r"), table=pq.read_table(folder / TABLE_FILE)
    )


def prepare(data: Path, folder: Path) -> Pictures:
    """Decode all pictures; what an earlier run finished is left as it is."""
    if (folder / TABLE_FILE).exists():
        return read_pictures(folder)
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(1 for _ in read_sources(data))
    pixels = np.lib.format.open_memmap(
        folder / PIXELS_FILE, "w+", dtype=np.uint8, shape=(total, SIDE, SIDE, 3)
    )
    facts: list[dict[str, Any]] = []
    with ThreadPoolExecutor(2) as pool:
        sources = read_sources(data)
        while some := list(islice(sources, _CHUNK)):
            decoded = list(pool.map(_decoded, some))
            pixels[len(facts) : len(facts) + len(some)] = [square for square, _ in decoded]
            facts += [fact for _, fact in decoded]
            print(f"\r{len(facts):,} of {total:,} pictures", end="", flush=True)
    pixels.flush()
    fresh = folder / f"{TABLE_FILE}.new"
    pq.write_table(pa.Table.from_pylist(facts), fresh)
    fresh.rename(folder / TABLE_FILE)
    return read_pictures(folder)


def _decoded(source: Source) -> tuple[Pixels, dict[str, Any]]:
    picture = source.open()
    square = np.asarray(squared(picture, SIDE))
    names = ("pack", "row", "name", "group", "kind", "colour", "source", "commercial")
    facts: dict[str, Any] = {name: getattr(source, name) for name in names}
    facts["phrases"] = list(source.phrases)
    facts["side"] = true_side(picture)
    facts["plain"] = is_plain(square)
    facts["held_out"] = int(hashlib.sha1(source.name.encode()).hexdigest(), 16) % _HELD_OUT == 0
    return square, facts


def true_side(picture: Image.Image) -> int:
    """Give the pixels that the side of a picture's square truly has, at most 128."""
    return min(SIDE, max(picture.size))


def is_plain(square: Pixels) -> bool:
    """Say whether a picture stands before a plain bright background, by its border."""
    border = np.concatenate([square[0], square[-1], square[:, 0], square[:, -1]]).astype(np.float32)
    colour = np.median(border, axis=0)
    return bool(colour.min() >= _BRIGHT and np.abs(border - colour).mean() <= _PLAIN_BORDER)


def main() -> None:
    """Prepare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the packs")
    parser.add_argument("folder", type=Path, help="to write to, 4 GB")
    options = parser.parse_args()
    found = prepare(options.data, options.folder)
    print(f"\n{len(found):,} pictures, {int((found.column('side') == SIDE).sum()):,} of full size")


if __name__ == "__main__":
    main()
