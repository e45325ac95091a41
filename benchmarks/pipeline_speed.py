"""Indexing pictures end to end against the encoder alone, for small JPEGs and for photos of 12 megapixels.

    python benchmarks/pipeline_speed.py [PICTURES [ARCHITECTURE [RUNTIME]]]

The baseline of each row is the encoder's own rate on pixels that lie ready in memory, just before in the same
run. Also tells what each step costs by itself in one thread: on a machine whose cores the encoder fills, that
is what the pipeline can hide nowhere. The model is the starter or an architecture of open_clip with random
weights; it runs by onnxruntime (``auto``, or ``int8``), prepared first if it was not.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from architectures import prepared
from PIL import Image

from indexer import Collection, decode_image, index_sources, open_source, thumbnail
from indexer.encoders import onnx_files
from indexer.encoders.loading import STARTER
from indexer.encoders.pixels import PixelSettings, to_pixels

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


def steps(data: bytes, pixels: PixelSettings) -> dict[str, float]:
    """Time each step of one picture in one thread; ms, the median of nine."""
    shown = decode_image(data, name="it", shorter_side=pixels.size).image
    works: dict[str, Callable[[], object]] = {
        "decode": lambda: decode_image(data, name="it", shorter_side=pixels.size),
        "thumbnail": lambda: thumbnail(shown),
        "to pixels": lambda: to_pixels(shown, pixels),
    }
    return {name: 1e3 * statistics.median(seconds(work) for _ in range(9)) for name, work in works.items()}


def main() -> None:
    """Measure and print two tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    architecture = sys.argv[2] if len(sys.argv) > 2 else STARTER
    runtime = sys.argv[3] if len(sys.argv) > 3 else "auto"
    told = []
    with tempfile.TemporaryDirectory() as made:
        encoder = prepared(architecture, Path(made, "models"), runtime)
        facts = onnx_files.read_facts(onnx_files.folder_of(encoder.spec), encoder.spec)
        assert facts is not None
        side = facts.pixels.size
        pixels = np.random.default_rng(0).normal(size=(64, 3, side, side)).astype(np.float32)
        encoder.encode_pixels(pixels[:8])
        print(f"{count} pictures of each size, {architecture} ({runtime}), {os.cpu_count()} cores\n")
        print("| pictures | MB each | encoder alone, images/s | end to end, images/s | ratio |")
        print("|---|---|---|---|---|")
        for name, size in SIZES.items():
            folder = Path(made, name)
            folder.mkdir()
            for number in range(count):
                (folder / f"{number}.jpg").write_bytes(picture(size, number))
            alone, whole = [], []
            for turn in range(ROUNDS):
                alone.append(len(pixels) / seconds(lambda: encoder.encode_pixels(pixels)))
                collection = Collection.create(Path(made, f"{name} {turn}"), encoder)
                taken = seconds(
                    lambda c=collection, f=folder: index_sources(c, encoder, [open_source(f)])  # type: ignore[misc]
                )
                whole.append(count / taken)
                collection.close()
            data = (folder / "0.jpg").read_bytes()
            told.append((name, steps(data, facts.pixels)))
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
