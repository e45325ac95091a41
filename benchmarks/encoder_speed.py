"""How fast an encoder is, plain against tuned, and whether tuning moves the embeddings.

    python benchmarks/encoder_speed.py [--model starter] [--repeats 7] [--batch 16]

Both ways of running the image tower take turns, so that a noisy machine hits both equally; the figures are
medians, and below them the best of all turns, which other load moves least. Pictures are the photos that come
with scikit-image, and crops of them.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import skimage.data
import torch
from PIL import Image

from indexer.encoders import tuning
from indexer.encoders.devices import resolve_device
from indexer.encoders.loading import load_parts

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
    options.add_argument("--device", default="auto")
    options.add_argument("--repeats", type=int, default=7)
    options.add_argument("--batch", type=int, default=16)
    given = options.parse_args()
    device = resolve_device(given.device, model=given.model)
    parts = load_parts(given.model)
    plain_model = parts.model.to(device)
    tuned_model = copy.deepcopy(plain_model)
    with torch.inference_mode():
        plain = tuning.plain_image_tower(plain_model)
        tuned = tuning.tuned_image_tower(tuned_model, torch.device(device), parts.preprocess)
        pixels = torch.stack([parts.preprocess(picture) for picture in pictures()]).to(device)
        batch = pixels.repeat(-(-given.batch // len(pixels)), 1, 1, 1)[: given.batch]
        cosine = torch.nn.functional.cosine_similarity(plain(pixels).float(), tuned(pixels).float(), dim=-1)
        times = taking_turns(lambda: plain(batch), lambda: tuned(batch), repeats=given.repeats, device=device)
        tokens = parts.tokenizer(TEXTS).to(device)
        (texts,) = taking_turns(lambda: plain_model.encode_text(tokens), repeats=given.repeats, device=device)
    print(f"{given.model} on {device}, {torch.get_num_threads()} threads, batch {given.batch}\n")
    print("| | plain float32 | tuned | ratio | least cosine |")
    print("|---|---|---|---|---|")
    for name, pick in (("median", statistics.median), ("best", min)):
        slow, fast = (given.batch / pick(taken) for taken in times)
        print(
            f"| images/s, {name} | {slow:.1f} | {fast:.1f} | {fast / slow:.2f} | {float(cosine.min()):.5f} |"
        )
    print(f"| texts/s, median | {len(TEXTS) / statistics.median(texts):.1f} | | | |")


if __name__ == "__main__":
    main()
