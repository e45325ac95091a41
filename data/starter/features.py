"""Turn pictures into cached tower features, the only slow part of training the heads.

    python data/starter/features.py DATA CACHE --views 2

Each picture goes through the image tower once per view: view 0 is what the encoder itself sees, view 1 its
mirror image. (Random crops were tried and did harm: captions speak of what they cut off.) Work is done in
parts of
a thousand pictures: a part that exists is not made again, and several processes may share the work.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from pathlib import Path

import numpy as np
import packs
import pyarrow.parquet as pq
import torch
from PIL import Image, ImageOps

from indexer.encoders.pytorch.fold_batchnorm import folded
from indexer.encoders.starter.model import IMAGE_SIZE, image_preprocessing, image_tower

SETS = ("broad/dev", "flickr8k-dev", "fashion-dev", *packs.SETS)
PART = 1_024


class Tower:
    """The packaged image network, as quick as torch runs it.

    Args:
        view: 0 for pictures as they are, 1 for their mirror images.
    """

    def __init__(self, view: int) -> None:
        tower = folded(image_tower(), torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE))
        self._tower = tower.to(memory_format=torch.channels_last)
        self._preprocess, self._view = image_preprocessing(), view

    def _pixels(self, data: bytes) -> torch.Tensor:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        return self._preprocess(ImageOps.mirror(picture) if self._view else picture)

    @torch.inference_mode()
    def features(self, pictures: list[bytes]) -> np.ndarray:
        """Give (n, 2960) float16 features of encoded pictures."""
        rows = []
        for start in range(0, len(pictures), 4):  # see encoders/pytorch/tune.py
            pixels = torch.stack([self._pixels(data) for data in pictures[start : start + 4]])
            rows.append(self._tower(pixels.contiguous(memory_format=torch.channels_last)).half().numpy())
        return np.concatenate(rows)


def extract(data: Path, cache: Path, name: str, view: int) -> None:
    """Make the parts of one set in one view that nobody else has made or is making."""
    stem = f"{name.replace('/', '_')}.view{view}"
    if (cache / f"{stem}.npy").exists():
        return
    file = pq.ParquetFile(data / f"{name}.parquet")
    starts = range(0, file.metadata.num_rows, PART)
    tower = Tower(view)
    for start, rows in zip(starts, file.iter_batches(PART, columns=["image"]), strict=True):
        target = cache / f"{stem}.{start:06d}.npy"
        claim = target.with_suffix(".claim")
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        began = time.perf_counter()
        features = tower.features([picture.as_py() for picture in rows["image"]])
        np.save(target.with_suffix(".new.npy"), features)
        target.with_suffix(".new.npy").replace(target)
        print(f"{target.name}: {len(features) / (time.perf_counter() - began):.0f} pictures/s", flush=True)
    parts = [cache / f"{stem}.{start:06d}.npy" for start in starts]
    if all(part.exists() for part in parts):
        np.save(cache / f"{stem}.new.npy", np.concatenate([np.load(part) for part in parts]))
        (cache / f"{stem}.new.npy").replace(cache / f"{stem}.npy")


def main() -> None:
    """Fill the cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("cache", type=Path, help="folder for the features")
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--sets", nargs="+", default=SETS)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for view in range(arguments.views):
        for name in arguments.sets:
            extract(arguments.data, arguments.cache, name, view)


if __name__ == "__main__":
    main()
