"""Let a trained generator take the embeddings of another encoder.

    python data/generator/translate.py DATA CACHE OLD_HEADS NEW_HEADS FOLDER OUT

The denoiser stays as it is. Ridge regressions on the product photos move the new encoder's texts, and its
pictures, to the pictures' embeddings by the old one, which the denoiser was trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "starter"))

import corpus
import numpy as np
import packs
import texts
import torch
from embedded import Embedded, load_heads

from generation.starter.bridge import ConditionBridge
from generation.starter.generator import FACTS_FILE, GeneratorFacts, save_generator
from generation.starter.pipeline import read_pipeline
from indexer import load_encoder
from indexer.encoders.starter.heads import Heads

SET = "fashion-train"
HELD_OUT = 2_000


def old_pictures(cache: Path, heads: Path) -> np.ndarray:
    """Embed the product photos by the old encoder's heads, (n, dim) float32."""
    features = corpus.features_of(cache, SET)
    assert features is not None
    with torch.inference_mode():
        parts = torch.from_numpy(np.array(features)).split(2_048)
        return torch.cat([Heads.load(heads).embed_images(part.float()) for part in parts]).numpy()


def cosine(bridge: ConditionBridge, asked: np.ndarray, pictures: np.ndarray) -> float:
    """Give the mean cosine of what a bridge gives with what it should."""
    with torch.inference_mode():
        found = bridge(torch.from_numpy(asked)).numpy()
    return float(np.vecdot(found, pictures).mean())


def main() -> None:
    """Fit, and write the generator with the new encoder's name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "cache", "old_heads", "new_heads", "folder", "out"):
        parser.add_argument(name, type=Path)
    o = parser.parse_args()
    embedded = Embedded(o.cache, load_heads(o.new_heads), texts.packaged(o.cache))
    old, new = old_pictures(o.cache, o.old_heads), embedded.images(SET)
    pipeline = read_pipeline(o.folder)
    translator = ConditionBridge(new.shape[1])
    translator.fit(new[HELD_OUT:], old[HELD_OUT:])
    print(f"pictures: cosine {cosine(translator, new[:HELD_OUT], old[:HELD_OUT]):.3f} on those held out")
    rows = packs.read(o.data, SET)[: len(new)]
    asked = [
        (row.captions[0], row.captions[6 + number % 5], row.names[-1]) for number, row in enumerate(rows)
    ]
    flat = embedded.texts([text for three in asked for text in three])
    pictures = old.repeat(3, axis=0)
    bridge = ConditionBridge(new.shape[1])
    bridge.fit(flat[3 * HELD_OUT :], pictures[3 * HELD_OUT :])
    print(f"texts: cosine {cosine(bridge, flat[: 3 * HELD_OUT], pictures[: 3 * HELD_OUT]):.3f}")
    pipeline.register_modules(bridge=bridge, translator=translator)
    facts = GeneratorFacts(**json.loads((o.folder / FACTS_FILE).read_text()))
    sha256 = load_encoder("starter").spec.weights_sha256
    save_generator(
        pipeline,
        GeneratorFacts(encoder_sha256=sha256, trained_on=facts.trained_on, licence=facts.licence),
        o.out,
    )


if __name__ == "__main__":
    main()
