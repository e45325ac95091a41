"""Pictures of the development sets, and their embeddings by the starter, made once and kept in a folder."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from indexer import Embeddings, Encoder

_BATCH = 64


def read(data: Path, name: str, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Read columns of one of the Parquet files, in its order."""
    table: dict[str, list[Any]] = pq.read_table(data / f"{name}.parquet", columns=list(columns)).to_pydict()
    return table


def is_held_out(file: str) -> bool:
    """Say whether a picture of the clothing set is in the fifth that the starter was not trained on."""
    return hashlib.sha256(file.encode()).digest()[0] % 5 == 0


def decode(data: bytes) -> Image.Image:
    """Open an encoded picture as RGB."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def embed(cache: Path, name: str, encoder: Encoder, pictures: Sequence[bytes]) -> Embeddings:
    """Embed encoded pictures, or read what an earlier run left.

    Args:
        cache: folder for the embeddings by name and weights, written float16.
        name: of these pictures; another set needs another name.
        encoder: with what to embed them.
        pictures: n encoded pictures.

    Returns:
        (n, dim) float32, rows of length 1 up to the rounding of float16, as a collection gives them out.
    """
    path = cache / f"{name}, {encoder.spec.weights_sha256[:12]}.npy"
    if path.exists():
        rows = np.load(path)
        if len(rows) == len(pictures):
            return np.asarray(rows, np.float32)
    started, found = time.monotonic(), []
    for start in range(0, len(pictures), _BATCH):
        found.append(encoder.encode_images([decode(each) for each in pictures[start : start + _BATCH]]))
    rows = np.concatenate(found).astype(np.float16)
    cache.mkdir(parents=True, exist_ok=True)
    np.save(path, rows)
    print(f"embedded {name}: {len(rows)} pictures in {time.monotonic() - started:.0f} s", flush=True)
    return rows.astype(np.float32)
