"""Turn pictures and texts into cached tower features, the only slow part of training the heads.

    python data/starter/features.py DATA CACHE --views 2

Each picture goes through the image tower once per view: view 0 is what the encoder itself sees, view 1 its
mirror image. (Random crops were tried and did harm: captions speak of what they cut off.) A file that exists
is not made again.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torchvision.transforms import v2

from indexer.encoders.pytorch.fold_batchnorm import folded
from indexer.encoders.starter.model import IMAGE_SIZE, image_preprocessing, image_tower

SETS = ("flickr8k-dev", "flickr8k-train", "fashion-dev", "clothing-train", "fashion-train")
BATCH = 64


def view(number: int) -> v2.Transform:
    """Build the transform of one view: 0 is what the encoder itself sees, 1 its mirror image."""
    plain = v2.Lambda(image_preprocessing())
    return plain if number == 0 else v2.Compose([plain, v2.RandomHorizontalFlip(p=1)])


def batches(path: Path, transform: v2.Transform) -> Iterator[torch.Tensor]:
    """Yield batches of (n, 3, 260, 260) float32 from a Parquet file's pictures."""
    for rows in pq.ParquetFile(path).iter_batches(BATCH, columns=["image"]):
        pictures = (Image.open(io.BytesIO(data.as_py())).convert("RGB") for data in rows["image"])
        yield torch.stack([transform(picture) for picture in pictures])


@torch.inference_mode()
def encode(path: Path, number: int) -> np.ndarray:
    """Give the image features of one view, (n, 2960) float16, in the order of the file."""
    tower = folded(image_tower(), torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    tower = tower.to(memory_format=torch.channels_last)
    found = []
    for pixels in batches(path, view(number)):
        for few in pixels.contiguous(memory_format=torch.channels_last).split(4):  # see encoders/tuning.py
            found.append(tower(few).half().numpy())
    return np.concatenate(found)


def main() -> None:
    """Fill the cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("cache", type=Path, help="folder for the features")
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--sets", nargs="+", default=SETS)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.views):
        for name in arguments.sets:
            target = arguments.cache / f"{name}.view{number}.npy"
            if target.exists():
                continue
            started = time.perf_counter()
            features = encode(arguments.data / f"{name}.parquet", number)
            np.save(target, features)
            rate = len(features) / (time.perf_counter() - started)
            print(f"{target.name}: {features.shape}, {rate:.0f} pictures/s", flush=True)


if __name__ == "__main__":
    main()
