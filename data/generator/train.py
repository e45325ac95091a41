"""Train the starter generator on product photos.

    python data/generator/train.py DATA FOLDER --preset gpu --minutes 25
    python data/generator/train.py DATA FOLDER --preset cpu --minutes 120

DATA holds fashion-train.parquet (28 MB); nothing else is needed. FOLDER becomes the generator; run the same
command again to go on, with more minutes to go on from before the learning rate fell. What is slow to prepare
(a quarter of an hour on two cores) is kept in FOLDER/training/examples.safetensors.
"""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[1] / "starter"))
from names import article_names, product_sentences

from generation.starter.dataset import SIDE
from generation.starter.examples import Examples
from generation.starter.fit import fit_generator
from generation.starter.generator import GeneratorFacts
from generation.starter.resize import squared
from generation.starter.train import PRESETS, TrainingStep
from indexer import Encoder, load_encoder

CHUNK = 256
FACTS = {
    "trained_on": "37,683 product photos at 60x80 pixels (Fashion Product Images (small), Myntra) with their "
    "titles and attributes; the licence of the photos was not verified",
    "licence": "Apache-2.0 for the weights as far as they are ours; see data/generator/MODEL_CARD.md",
}


def examples_of(path: Path, encoder: Encoder) -> Examples:
    """Read the products, and embed their pictures and what can be said of them."""
    rows = pq.read_table(path).to_pylist()
    index: dict[str, int] = {}
    pixels, images, phrases, starts = [], [], [], [0]
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        pictures = [Image.open(io.BytesIO(row["image"])).convert("RGB") for row in some]
        pixels.append(np.stack([np.asarray(squared(picture, SIDE)) for picture in pictures]))
        images.append(encoder.encode_images(pictures).astype(np.float16))
        print(f"\r{start + len(some):,} of {len(rows):,} pictures embedded", end="", flush=True)
    for row in rows:
        said = [*product_sentences(row), *article_names(row["articleType"]), row["title"]]
        phrases += [index.setdefault(phrase, len(index)) for phrase in said]
        starts.append(len(phrases))
    print(f"\n{len(index):,} phrases to embed", flush=True)
    words = list(index)
    texts = [
        encoder.encode_texts(words[i : i + CHUNK]).astype(np.float16) for i in range(0, len(words), CHUNK)
    ]
    return Examples(
        pixels=np.concatenate(pixels),
        images=np.concatenate(images),
        texts=np.concatenate(texts),
        phrases=np.array(phrases),
        starts=np.array(starts),
    )


def prepared(data: Path, folder: Path, encoder: Encoder) -> Examples:
    """Read what an earlier run prepared, or prepare it."""
    kept = folder / "training" / "examples.safetensors"
    if kept.exists():
        return Examples(**load_file(kept))
    found = examples_of(data / "fashion-train.parquet", encoder)
    kept.parent.mkdir(parents=True, exist_ok=True)
    names = ("pixels", "images", "texts", "phrases", "starts")
    save_file({name: getattr(found, name) for name in names}, kept)
    return found


class Told:
    """Prints a line every 20 steps."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def __call__(self, step: TrainingStep) -> bool:
        """Note a step."""
        self.losses.append(step.loss)
        if step.step % 20 == 0:
            mean = np.mean(self.losses[-20:])
            print(
                f"{step.part} {step.step}: {step.minutes:.1f} min, {step.share:.1%}, loss {mean:.4f}",
                flush=True,
            )
        return True


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with fashion-train.parquet")
    parser.add_argument("folder", type=Path, help="becomes the generator")
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--minutes", type=float, help="in all; the preset's by default")
    parser.add_argument("--prediction", choices=("sample", "v_prediction", "epsilon"), default="sample")
    options = parser.parse_args()
    recipe = replace(PRESETS[options.preset], prediction=options.prediction)
    if options.minutes:
        recipe = replace(recipe, minutes=options.minutes)
    encoder = load_encoder("starter")
    examples = prepared(options.data, options.folder, encoder)
    facts = GeneratorFacts(encoder_sha256=encoder.spec.weights_sha256, **FACTS)
    report = fit_generator(examples, facts, recipe, options.folder, Told())
    print(
        f"{report.steps:,} steps of {recipe.batch} in {report.minutes:.0f} minutes "
        f"over {report.pictures:,} pictures"
    )


if __name__ == "__main__":
    main()
