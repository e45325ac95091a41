"""Measure the invisible watermark: how often it is found where it is not, what it survives, how far it shows.

    python data/evaluation/watermark.py DATA [--pictures 200]

DATA holds fashion-dev.parquet and flickr8k-dev.parquet. Four sets: product photos at their own 60 x 80
pixels; the same enlarged four times, as the starter generator's pictures are; photos of all kinds;
scikit-image's photos and synthetic textures. False alarms are counted on five times as many pictures without
the watermark, whole and changed.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pictures
from PIL import Image, ImageEnhance

from generation.marks.watermark import THRESHOLD, add_watermark, detect_watermark

sys.path.insert(0, str(Path(__file__).parents[1] / "sample"))
from photos import photos


def compressed(image: Image.Image, quality: int, form: str = "JPEG") -> Image.Image:
    """Give the picture after a lossy format."""
    buffer = io.BytesIO()
    image.save(buffer, form, quality=quality)
    return pictures.decode(buffer.getvalue())


def shrunk(image: Image.Image, share: float) -> Image.Image:
    """Resize by a share and back."""
    small = image.resize([max(1, round(side * share)) for side in image.size], Image.Resampling.BICUBIC)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Cut a share of width and height away, a third of it at the left and top."""
    left, top = (round(side * share / 3) for side in image.size)
    width, height = (round(side * (1 - share)) for side in image.size)
    return image.crop((left, top, left + width, top + height))


WAYS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "unchanged": lambda image: image,
    "JPEG 95": lambda image: compressed(image, 95),
    "JPEG 85": lambda image: compressed(image, 85),
    "JPEG 75": lambda image: compressed(image, 75),
    "JPEG 50": lambda image: compressed(image, 50),
    "WebP 80": lambda image: compressed(image, 80, "WEBP"),
    "to 75 % and back": lambda image: shrunk(image, 0.75),
    "to 50 % and back": lambda image: shrunk(image, 0.5),
    "cropped by 10 %": lambda image: cropped(image, 0.1),
    "cropped by 50 %": lambda image: cropped(image, 0.5),
    "brighter by 20 %": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker by 30 %": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "crop 10 % + JPEG 75": lambda image: compressed(cropped(image, 0.1), 75),
    "left at 75 %": lambda image: image.resize([round(side * 0.75) for side in image.size]),
    "turned by 2 degrees": lambda image: image.rotate(2, Image.Resampling.BICUBIC),
}


def textures(count: int) -> Iterator[Image.Image]:
    """Make coloured noise of every roughness, from clouds to grain."""
    for seed in range(count):
        draw = np.random.default_rng(seed)
        side = int(draw.integers(128, 512))
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij"))
        shape = np.maximum(frequency, 1 / side) ** -draw.uniform(0, 2.5)
        noise = np.fft.irfft2(np.fft.rfft2(draw.standard_normal((3, side, side))) * shape, s=(side, side))
        levels = 128 + draw.uniform(10, 60) * noise / noise.std()
        yield Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy())


def sets(data: Path, count: int) -> Iterator[tuple[str, list[Image.Image]]]:
    """Give the sets by name."""
    small = [pictures.decode(each) for each in pictures.read(data, "fashion-dev", ["image"])["image"][:count]]
    yield "fashion-dev, 60 x 80", small
    large = [image.resize((image.width * 4, image.height * 4), Image.Resampling.LANCZOS) for image in small]
    yield "fashion-dev, enlarged to 240 x 320", large
    named = pictures.read(data, "flickr8k-dev", ["image"])["image"][:count]
    yield "flickr8k-dev", [pictures.decode(each) for each in named]
    own = [pictures.decode(each) for each in photos().values()]
    yield "scikit-image and textures", [*own, *textures(max(0, count - len(own)))]


def fidelity(image: Image.Image, marked: Image.Image) -> float:
    """Return the PSNR in decibels."""
    error = np.mean((np.asarray(image, float) - np.asarray(marked, float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def report(name: str, images: list[Image.Image]) -> None:
    """Print how much of the watermark survives each way of changing a picture."""
    marked = [add_watermark(image) for image in images]
    psnr = [fidelity(image, other) for image, other in zip(images, marked, strict=True)]
    print(f"\n{name}: {len(images)} pictures, PSNR {np.mean(psnr):.1f} dB (lowest {min(psnr):.1f})")
    print(f"{'':24}found   median score   lowest tenth")
    for way, change in WAYS.items():
        scores = np.array([detect_watermark(change(image)).score for image in marked])
        low, median = np.percentile(scores, [10, 50])
        print(f"{way:24}{(scores >= THRESHOLD).mean():5.1%}  {median:12.1f}  {low:13.1f}", flush=True)


def false_alarms(images: list[Image.Image]) -> None:
    """Print the scores of pictures without the watermark, whole and changed."""
    ways = ("unchanged", "JPEG 75", "to 50 % and back", "cropped by 10 %", "cropped by 50 %")
    scores = np.sort([detect_watermark(WAYS[way](image)).score for image in images for way in ways])
    beyond = scores - scores[int(0.9 * len(scores))]
    slope = beyond[beyond > 0].mean()  # an exponential tail through the highest tenth
    chance = 0.1 * np.exp(-(THRESHOLD - scores[int(0.9 * len(scores))]) / slope)
    print(f"\nnot marked: {len(images)} pictures in {len(ways)} ways")
    median, high = np.percentile(scores, [50, 99])
    print(f"scores: median {median:.2f}, 99 % {high:.2f}, highest {scores[-1]:.2f}")
    found = f"{(scores >= THRESHOLD).sum()} of {len(scores)}"
    print(f"at {THRESHOLD} or above: {found}; by the tail, a share of {chance:.1e}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("--pictures", type=int, default=200, help="of each set")
    arguments = parser.parse_args()
    everything: list[Image.Image] = []
    for name, images in sets(arguments.data, arguments.pictures):
        report(name, images)
    for _, images in sets(arguments.data, 5 * arguments.pictures):
        everything += images
    false_alarms(everything)
    image = everything[-1].resize((512, 512))
    for name, run in (("add", add_watermark), ("detect", detect_watermark)):
        started = time.perf_counter()
        for _ in range(10):
            run(image)
        print(f"{name}: {100 * (time.perf_counter() - started):.1f} ms for 512 x 512 pixels")


if __name__ == "__main__":
    main()
