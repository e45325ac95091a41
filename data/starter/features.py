"""Turn pictures and texts into cached tower features, the only slow part of training the heads.

    python data/starter/features.py DATA CACHE --views 2

Each picture goes through the image tower once per view: view 0 is what the encoder itself sees, the others
are random crops with flips, colour changes and poorer resolution. A file that exists is not made again.
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
from torch.nn import functional
from torchvision.transforms import v2

from indexer.encoders.folding import folded
from indexer.encoders.starter import IMAGE_MEAN, IMAGE_SIZE, IMAGE_STD, image_preprocessing, image_tower

SETS = ("flickr8k-dev", "flickr8k-train", "fashion-dev", "clothing-train", "fashion-train")
BATCH = 64


class Poorer:
    """Shrink a picture by a random factor, half of the time, as thumbnails are."""

    def __call__(self, image: Image.Image) -> Image.Image:
        """Give back the picture with at most 64 to 224 pixels on its longer side."""
        if torch.rand(()) < 0.5:
            return image
        side = int(torch.randint(64, 224, ()))
        copy = image.copy()
        copy.thumbnail((side, side), Image.Resampling.BILINEAR)
        return copy


def view(number: int) -> v2.Transform:
    """Build the transform of one view."""
    if number == 0:
        return image_preprocessing()
    return v2.Compose(
        [
            Poorer(),
            v2.RandomResizedCrop(
                IMAGE_SIZE, scale=(0.35, 1.0), interpolation=v2.InterpolationMode.BICUBIC, antialias=True
            ),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(0.2, 0.2, 0.1),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGE_MEAN, IMAGE_STD),
        ]
    )


def batches(path: Path, transform: v2.Transform) -> Iterator[torch.Tensor]:
    """Yield batches of (n, 3, 260, 260) float32 from a Parquet file's pictures."""
    for rows in pq.ParquetFile(path).iter_batches(BATCH, columns=["image"]):
        pictures = (Image.open(io.BytesIO(data.as_py())).convert("RGB") for data in rows["image"])
        yield torch.stack([transform(picture) for picture in pictures])


@torch.inference_mode()
def encode(path: Path, number: int) -> np.ndarray:
    """Give the image features of one view, (n, 10, 1280) float16, in the order of the file.

    Rows 0 to 8 of a picture are the means over the cells of a 3 x 3 grid, by lines; row 9 is the greatest value
    over the whole picture.
    """
    torch.manual_seed(number)
    tower = image_tower().to(memory_format=torch.channels_last)
    tower = folded(tower, torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    found = []
    for pixels in batches(path, view(number)):
        for few in pixels.contiguous(memory_format=torch.channels_last).split(4):
            maps = tower.forward_features(few)  # (b, 1280, 9, 9)
            cells = functional.adaptive_avg_pool2d(maps, 3).flatten(2)
            peak = maps.amax(dim=(2, 3))[..., None]
            found.append(torch.cat([cells, peak], dim=2).transpose(1, 2).half().numpy())
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
