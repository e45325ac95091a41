"""Indexing pictures end to end against the encoder alone, for small JPEGs and for photos of 12 megapixels.

    python benchmarks/pipeline_speed.py [PICTURES [ARCHITECTURE [RUNTIME [DEVICE]]]]

The baseline of each row is the encoder's own rate on pixels that lie ready in memory, just before in the same
run. Also tells what each step costs by itself in one thread: on a machine whose cores the encoder fills, that
is what the pipeline can hide nowhere. The model is the starter or an architecture of open_clip with random
weights; it runs by onnxruntime (``auto``, or ``int8``), prepared first if it was not, or by ``torch``, where
DEVICE may be ``cuda``: then pixels lie ready in the memory of the GPU.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from architectures import by_torch_on, prepared
from PIL import Image

from indexer import Collection, decode_image, index_sources, open_source, thumbnail
from indexer.encoders import Encoder, cores
from indexer.encoders.loader import STARTER
from indexer.encoders.onnx import cache
from indexer.encoders.preprocess import to_pixels

SIZES = {"640 x 480": (640, 480), "4000 x 3000": (4000, 3000)}
ROUNDS = 3


def picture(size: tuple[int, int], number: int) -> bytes:
    """Draw a JPEG with as much detail as a photo has (about 2 bits a pixel)."""
    rng = np.random.default_rng(number)
    image = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    grain = Image.fromarray(rng.integers(0, 256, (size[1] // 4, size[0] // 4, 3), np.uint8)).resize(size)
    buffer = io.BytesIO()
    Image.blend(image, grain, 0.12).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An encoder to measure.

    Attributes:
        encoder: itself.
        images: how many ``forward`` embeds, whose pixels lie ready.
        forward: the encoder alone.
        to_pixels: what makes a picture's pixels.
    """

    encoder: Encoder
    images: int
    forward: Callable[[], object]
    to_pixels: Callable[[Image.Image], object]


def by_onnxruntime(architecture: str, models: Path, runtime: str) -> Opened:
    """Open an encoder that runs by onnxruntime; see ``prepared``."""
    encoder = prepared(architecture, models, runtime)
    facts = cache.read_facts(cache.folder_of(encoder.spec), encoder.spec)
    assert facts is not None
    side = facts.pixels.size
    pixels = np.random.default_rng(0).normal(size=(64, 3, side, side)).astype(np.float32)
    encoder.encode_pixels(pixels[:8])
    return Opened(
        encoder=encoder,
        images=len(pixels),
        forward=lambda: encoder.encode_pixels(pixels),
        to_pixels=partial(to_pixels, settings=facts.pixels),
    )


def by_torch(architecture: str, models: Path, device: str) -> Opened:
    """Open an encoder that runs by torch; see ``by_torch_on``."""
    import torch

    encoder = by_torch_on(device, architecture, models)
    encoder.encode_images([Image.new("RGB", (300, 300))] * 64)  # the first that are many have it tuned
    side, passes = encoder.spec.image_size, 1 if device == "cpu" else 30
    pixels = torch.rand(encoder._at_once, 3, side, side, device=device)

    def forward() -> None:
        with torch.inference_mode():
            for _ in range(passes):
                rows = encoder._image_tower(pixels)
            rows.cpu()  # which waits for a GPU

    forward()
    return Opened(encoder=encoder, images=passes * len(pixels), forward=forward, to_pixels=encoder.preprocess)


def steps(data: bytes, side: int, to_pixels: Callable[[Image.Image], object]) -> dict[str, float]:
    """Time each step of one picture in one thread; ms, the median of nine."""
    shown = decode_image(data, name="it", shorter_side=side).image
    works: dict[str, Callable[[], object]] = {
        "decode": lambda: decode_image(data, name="it", shorter_side=side),
        "thumbnail": lambda: thumbnail(shown),
        "to pixels": lambda: to_pixels(shown),
    }
    return {name: 1e3 * statistics.median(seconds(work) for _ in range(9)) for name, work in works.items()}


def main() -> None:
    """Measure and print two tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    architecture = sys.argv[2] if len(sys.argv) > 2 else STARTER
    runtime = sys.argv[3] if len(sys.argv) > 3 else "auto"
    device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
    told = []
    with tempfile.TemporaryDirectory() as made:
        models = Path(made, "models")
        if runtime == "torch":
            subject = by_torch(architecture, models, device)
        else:
            subject = by_onnxruntime(architecture, models, runtime)
        encoder = subject.encoder
        print(f"{count} pictures of each size, {architecture} ({runtime}) on {device}, {cores()} cores\n")
        print("| pictures | MB each | encoder alone, images/s | end to end, images/s | ratio |")
        print("|---|---|---|---|---|")
        for name, size in SIZES.items():
            folder = Path(made, name)
            folder.mkdir()
            for number in range(count):
                (folder / f"{number}.jpg").write_bytes(picture(size, number))
            alone, whole = [], []
            for turn in range(ROUNDS):
                alone.append(subject.images / seconds(subject.forward))
                collection = Collection.create(Path(made, f"{name} {turn}"), encoder)
                taken = seconds(
                    lambda c=collection, f=folder: index_sources(c, encoder, [open_source(f)])  # type: ignore[misc]
                )
                whole.append(count / taken)
                collection.close()
            data = (folder / "0.jpg").read_bytes()
            told.append((name, steps(data, encoder.spec.image_size, subject.to_pixels)))
            best = statistics.median(alone), statistics.median(whole)
            ratio = best[1] / best[0]
            shown = f"{len(data) / 1e6:.2f} | {best[0]:.1f} | {best[1]:.1f} | {ratio:.2f}"
            print(f"| {name} | {shown} |", flush=True)
    print("\n| one picture in one thread, ms | " + " | ".join(told[0][1]) + " |")
    print("|---|" + "---|" * len(told[0][1]))
    for name, costs in told:
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in costs.values()) + " |")


if __name__ == "__main__":
    main()
