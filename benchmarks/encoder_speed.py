"""How fast an encoder is, plain, tuned and by onnxruntime, and whether the last two move the embeddings.

    python benchmarks/encoder_speed.py [--model starter | --random ARCHITECTURE] [--repeats 7] [--batch 16]

The ways of running a tower take turns, so that a noisy machine hits all equally; the figures are medians, and
beside them the best of all turns, which other load moves least. Pictures are the photos that come with
scikit-image, and crops of them. --random takes an architecture of open_clip with random weights.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import skimage.data
import torch
from architectures import save_open_clip
from PIL import Image

from indexer import load_encoder, prepare
from indexer.encoders import runtime
from indexer.encoders.devices import resolve_device
from indexer.encoders.loader import load_parts
from indexer.encoders.onnx.encoder import OnnxEncoder
from indexer.encoders.pytorch import tune

PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "coins", "rocket", "page", "moon")
TEXTS = [f"a photo of {number} red running shoes on a wooden floor" for number in range(32)]


def pictures(crops: int = 3) -> Iterator[Image.Image]:
    """Give each photo and random crops of it, of a fixed seed."""
    random = np.random.default_rng(0)
    for name in PHOTOS:
        photo = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        yield photo
        for _ in range(crops):
            width, height = (int(side * random.uniform(0.2, 0.8)) for side in photo.size)
            left = int(random.integers(0, photo.width - width))
            top = int(random.integers(0, photo.height - height))
            yield photo.crop((left, top, left + width, top + height))


def seconds(work: Callable[[], object], device: str) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - started


def taking_turns(*works: Callable[[], object], repeats: int, device: str) -> list[list[float]]:
    """Time each of several pieces of work, in turns; one list of seconds for each."""
    for work in works:
        work()  # kernels are chosen and memory is taken on the first call
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for work, taken in zip(works, times, strict=True):
            taken.append(seconds(work, device))
    return times


def main() -> None:
    """Measure, and print a table in Markdown."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", default="starter")
    options.add_argument("--random", metavar="ARCHITECTURE")
    options.add_argument("--device", default="auto")
    options.add_argument("--repeats", type=int, default=7)
    options.add_argument("--batch", type=int, default=16)
    given = options.parse_args()
    if given.random:
        with tempfile.TemporaryDirectory() as made:
            given.model = str(Path(made, given.random))
            save_open_clip(given.random, Path(given.model))
            measure(given)
    else:
        measure(given)


def measure(given: argparse.Namespace) -> None:
    """Measure one model."""
    device = resolve_device(given.device, model=given.model)
    parts = load_parts(given.model)
    light = without_torch(given.model) if device == "cpu" else None
    plain_model = parts.model.to(device)
    tuned_model = copy.deepcopy(plain_model)
    with torch.inference_mode():
        plain = tune.plain_image_tower(plain_model)
        pixels = torch.stack([parts.preprocess(picture) for picture in pictures()]).to(device)
        tuned = tune.tuned_image_tower(tuned_model, pixels[:4], at_once=given.batch)
        batch = pixels.repeat(-(-given.batch // len(pixels)), 1, 1, 1)[: given.batch]
        tokens = parts.tokenizer(TEXTS).to(device)
        images: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"plain": plain, "tuned": tuned}
        texts: dict[str, Callable[[], object]] = {"plain": lambda: plain_model.encode_text(tokens)}
        if light is not None:
            images["onnxruntime"] = lambda values: torch.from_numpy(light.encode_pixels(values.numpy()))
            texts["onnxruntime"] = lambda: light.encode_texts(TEXTS)
        expected = plain(pixels).float()
        cosines = {
            name: float(torch.nn.functional.cosine_similarity(expected, run(pixels).float(), dim=-1).min())
            for name, run in images.items()
        }
        works = [lambda run=run: run(batch) for run in images.values()]
        taken = dict(zip(images, taking_turns(*works, repeats=given.repeats, device=device), strict=True))
        read = dict(
            zip(texts, taking_turns(*texts.values(), repeats=given.repeats, device=device), strict=True)
        )
    print(
        f"{given.random or given.model} on {device}, {torch.get_num_threads()} threads, batch {given.batch}\n"
    )
    print("| images | images/s, median | best | ratio of medians | least cosine |")
    print("|---|---|---|---|---|")
    first = statistics.median(taken["plain"])
    for name, times in taken.items():
        middle = statistics.median(times)
        print(
            f"| {name} | {given.batch / middle:.1f} | {given.batch / min(times):.1f} | {first / middle:.2f} "
            f"| {cosines[name]:.5f} |"
        )
    print(f"\n| {len(TEXTS)} texts | texts/s, median | ratio |\n|---|---|---|")
    first = statistics.median(read["plain"])
    for name, times in read.items():
        middle = statistics.median(times)
        print(f"| {name} | {len(TEXTS) / middle:.0f} | {first / middle:.2f} |")


def without_torch(name: str) -> OnnxEncoder | None:
    """Give the model as onnxruntime runs it, prepared first if need be; None if it cannot be."""
    encoder = load_encoder(name, device="cpu", runtime="torch")
    if prepare(encoder) is not None:
        return None
    found = runtime.exported(encoder.spec, "cpu")
    assert isinstance(found, OnnxEncoder)
    return found


if __name__ == "__main__":
    main()
