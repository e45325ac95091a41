"""Measure near-duplicates by embedding: which threshold finds altered copies, and no others.

    python data/evaluation/duplicates.py DATA CACHE

Pictures of the development sets are altered in six ways. Found are the pairs of a picture and its altered
copy with a cosine of at least the threshold; false are pairs of different pictures. Some false pairs are
true ones in fact: the product photos hold the same article under several ids.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pictures
from PIL import Image, ImageEnhance, ImageOps

from indexer import Embeddings, load_encoder

THRESHOLDS = (0.80, 0.85, 0.88, 0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
SETS = ("flickr8k-dev", "fashion-dev")


def recompressed(image: Image.Image, quality: int = 30) -> Image.Image:
    """Give the picture after JPEG at a low quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return pictures.decode(buffer.getvalue())


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Cut a share of width and height away, half of it on each side."""
    x, y = (max(1, round(side * share / 2)) for side in image.size)
    return image.crop((x, y, image.width - x, image.height - y))


def recoloured(image: Image.Image) -> Image.Image:
    """Make the picture a little brighter and more colourful."""
    return ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(1.12)).enhance(1.2)


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized": lambda image: image.resize((max(1, image.width * 6 // 10), max(1, image.height * 6 // 10))),
    "recompressed": recompressed,
    "cropped 5 %": lambda image: cropped(image, 0.05),
    "cropped 10 %": lambda image: cropped(image, 0.10),
    "mirrored": ImageOps.mirror,
    "recoloured": recoloured,
}


def as_png(image: Image.Image) -> bytes:
    """Encode without loss."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def report(name: str, base: Embeddings, copies: dict[str, Embeddings]) -> None:
    """Print recall by alteration, precision, and false pairs, for each threshold."""
    count = len(next(iter(copies.values())))
    scores = {way: np.vecdot(rows, base[:count]) for way, rows in copies.items()}
    between = np.sort((base @ base.T)[np.triu_indices(len(base), 1)])
    wrong = []  # scores of an altered picture with the others
    for rows in copies.values():
        found = rows @ base.T
        found[np.arange(count), np.arange(count)] = -1
        wrong.append(found.ravel())
    wrong = np.sort(np.concatenate(wrong))
    print(f"\n{name}: {len(base)} pictures, {count} of them altered")
    print("threshold  recall  precision  false/1000  " + "  ".join(f"{way:>12}" for way in scores))
    every = np.concatenate(list(scores.values()))
    for threshold in THRESHOLDS:
        false = len(between) - np.searchsorted(between, threshold)
        others = len(wrong) - np.searchsorted(wrong, threshold)
        right = int((every >= threshold).sum())
        figures = (right / len(every), right / max(right + others, 1), 1_000 * false / len(base))
        recalls = "  ".join(f"{(found >= threshold).mean():12.3f}" for found in scores.values())
        print(f"{threshold:9.2f}  {figures[0]:6.3f}  {figures[1]:9.3f}  {figures[2]:10.1f}  {recalls}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("cache", type=Path, help="folder for the embeddings")
    parser.add_argument("--altered", type=int, default=300, help="pictures of each set that are altered")
    parser.add_argument("--pictures", type=int, default=3_000, help="pictures of each set at most")
    arguments = parser.parse_args()
    encoder, count = load_encoder("starter"), arguments.altered
    for name in SETS:
        data = pictures.read(arguments.data, name, ["image"])["image"][: arguments.pictures]
        copies = {}
        for way, alter in ALTERATIONS.items():
            altered = [as_png(alter(pictures.decode(picture))) for picture in data[:count]]
            label = f"{name}, {count} {way.replace(' %', '')}"
            copies[way] = pictures.embed(arguments.cache, label, encoder, altered)
        base = pictures.embed(arguments.cache, name, encoder, data)
        report(name, base, copies)


if __name__ == "__main__":
    main()
