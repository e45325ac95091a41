"""Measure a generator: does it make what it is asked for, in the right colour, and different each time?

    python data/generator/evaluate.py DATA starter --samples 500 --sheets docs/images
    python data/generator/evaluate.py DATA FOLDER

DATA holds fashion-dev.parquet and the packs of broad/. The judge (judge.py) had no part in training. With
--copies TRAINED, the folder of the training, also looks for near copies of training pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from conditions import IMAGES_FILE
from judge import Judge, Shop, alike, kernel_gap, rank, vote
from kinds import dev_photos, known_photos, read_kinds
from picture_set import read_pictures
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "starter"))
from colours import COLOURS, dominant_colour
from names import article_names, product_sentences

from generation import GenerationRequest, Generator, load_generator
from generation.fill.near_copies import SAME_OUTLINES, outline
from indexer import Encoder, load_encoder
from search import near_duplicate_threshold

SEEDS, GOODS_SEEDS, STEPS = 8, 4, 50
KINDS = (
    "t-shirt",
    "shirt",
    "handbag",
    "dress",
    "backpack",
    "casual shoes",
    "jacket",
    "wallet",
    "shorts",
    "sweater",
)


class Maker:
    """Asks a generator with words."""

    def __init__(self, generator: Generator, encoder: Encoder, steps: int) -> None:
        self.generator = generator
        self.encoder = encoder
        self.steps = steps

    def make(self, words: str, count: int, *, seed: int = 0) -> list[Image.Image]:
        """Make pictures of something."""
        embedding = self.encoder.encode_texts([words])[0]
        request = GenerationRequest(
            prompt=words, embedding=embedding, seed=seed, count=count, steps=self.steps
        )
        return [made.image for made in self.generator.generate(request)]


def types(shop: Shop, maker: Maker, judge: Judge) -> tuple[dict[str, Any], dict[str, list[Image.Image]]]:
    """Judge pictures of the commonest article types, and how alike those of one type are to each other."""
    names = shop.commonest()
    real = np.isin(shop.types, names)
    features, labels = shop.features[real], shop.types[real]
    ceiling = vote(features, features, labels, leave_self=True) == labels
    made = {name: maker.make(article_names(name)[-1], SEEDS) for name in names}
    found = judge.features([picture for pictures in made.values() for picture in pictures])
    asked = np.repeat(names, SEEDS)
    right = vote(found, features, labels) == asked
    made_alike = [alike(found[asked == name]) for name in names]
    real_alike = [alike(features[labels == name]) for name in names]
    figures = {
        "type_top1": float(right.mean()),
        "type_top1_real": float(np.mean([ceiling[labels == name].mean() for name in names])),
        "type_by_name": {name: float(right[asked == name].mean()) for name in names},
        "alike": float(np.mean(made_alike)),
        "alike_real": float(np.mean(real_alike)),
    }
    return figures, made


def goods(
    data: Path, maker: Maker, judge: Judge, cache: Path
) -> tuple[dict[str, Any], dict[str, list[Image.Image]]]:
    """Judge pictures of kinds of other departments: is it among the best five names?"""
    kinds = [kind for several in read_kinds().values() for kind in several]
    known, dev = known_photos(data, judge, cache), dev_photos(data, judge, kinds)
    made = {kind: maker.make(kind, GOODS_SEEDS) for kind in kinds}
    found = judge.features([picture for pictures in made.values() for picture in pictures])
    asked = np.repeat(kinds, GOODS_SEEDS)
    names = rank(found, known.features, known.labels, most=5)
    real = rank(dev.features, known.features, known.labels, most=5)
    hit = (names == asked[:, None]).any(1)
    figures = {
        "goods_top5": float(hit.mean()),
        "goods_top1": float((names[:, 0] == asked).mean()),
        "goods_top5_real": float((real == dev.labels[:, None]).any(1).mean()),
        "goods_top1_real": float((real[:, 0] == dev.labels).mean()),
        "goods_of": len(np.unique(known.labels)),
        "goods_by_kind": {kind: float(hit[asked == kind].mean()) for kind in kinds},
        "goods_alike": float(np.mean([alike(found[asked == kind]) for kind in kinds])),
    }
    return figures, made


def colours(shop: Shop, maker: Maker, seeds: int) -> tuple[dict[str, Any], dict[str, list[Image.Image]]]:
    """Judge the colour of what is made, by its pixels; and of real pictures, by what the shop calls them."""
    made = {f"{colour} {kind}": maker.make(f"{colour} {kind}", seeds) for colour in COLOURS for kind in KINDS}
    right = {words: [dominant_colour(p) == words.split()[0] for p in ps] for words, ps in made.items()}
    by_colour = {c: float(np.mean([right[f"{c} {kind}"] for kind in KINDS])) for c in COLOURS}
    by_kind = {kind: float(np.mean([right[f"{c} {kind}"] for c in COLOURS])) for kind in KINDS}
    called = [(row["baseColour"].lower(), p) for row, p in zip(shop.rows, shop.pictures, strict=True)]
    real = [dominant_colour(picture) == colour for colour, picture in called if colour in COLOURS]
    figures = {
        "colour": float(np.mean(list(by_colour.values()))),
        "colour_real": float(np.mean(real)),
        "colour_by_colour": by_colour,
        "colour_by_kind": by_kind,
    }
    return figures, made


def spread(shop: Shop, maker: Maker, judge: Judge, samples: int) -> tuple[dict[str, Any], list[Image.Image]]:
    """Compare many pictures with the shop's own as two heaps (kernel inception measure, times 1,000)."""
    random = np.random.default_rng(0)
    rows = random.choice(len(shop.rows), samples, replace=samples > len(shop.rows))
    words = [str(random.choice(product_sentences(shop.rows[row]))) for row in rows.tolist()]
    made = [maker.make(said, 1, seed=number)[0] for number, said in enumerate(words)]
    gap, deviation = kernel_gap(judge.features(made), shop.features)
    order = random.permutation(len(shop.features))
    half = len(order) // 2
    floor, _ = kernel_gap(shop.features[order[:half]], shop.features[order[half:]])
    return {"kid_x1000": gap, "kid_deviation": deviation, "kid_real": floor, "samples": samples}, made


def copies(made: Sequence[Image.Image], encoder: Encoder, trained: Path) -> dict[str, Any]:
    """Count pictures that are near copies of training pictures, by embedding or by outlines."""
    pixels = read_pictures(trained / "pictures").pixels
    images = np.load(trained / IMAGES_FILE).astype(np.float32)
    rows = encoder.encode_images(list(made))
    least = near_duplicate_threshold(encoder.spec)
    by_row, by_pixels = [], []
    for row, picture in zip(rows, made, strict=True):
        scores = images @ row
        best = np.argsort(-scores)[:20]
        mine = outline(picture)
        real = [outline(Image.fromarray(pixels[place])) for place in best.tolist()]
        by_row.append(float(scores[best[0]]))
        by_pixels.append(float(max(mine @ other for other in real)))
    copied = (np.array(by_row) >= least) | (np.array(by_pixels) >= SAME_OUTLINES)
    return {
        "near_copies": int(copied.sum()),
        "of": len(made),
        "highest_cosine": max(by_row),
        "highest_outline": max(by_pixels),
    }


def speed(maker: Maker) -> dict[str, Any]:
    """Time one picture at 25 steps; the best of five."""
    one = Maker(maker.generator, maker.encoder, 25)
    times = []
    for seed in range(5):
        started = time.perf_counter()
        one.make("a red t-shirt", 1, seed=seed)
        times.append(time.perf_counter() - started)
    return {"seconds_25_steps": min(times)}


def sheet(made: dict[str, list[Image.Image]], path: Path, *, columns: int, side: int = 96) -> None:
    """Write a contact sheet: one line for what was asked, one picture a seed."""
    lines = []
    for pictures in made.values():
        shown = [np.asarray(picture.resize((side, side))) for picture in pictures[:columns]]
        lines.append(np.concatenate(shown, axis=1))
    half = -(-len(lines) // 2)
    blank = np.full_like(lines[0], 255)
    right = lines[half:] + [blank] * (2 * half - len(lines))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([np.concatenate(lines[:half]), np.concatenate(right)], axis=1)).save(path)


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with fashion-dev.parquet")
    parser.add_argument("generator", help="'starter' or a folder")
    parser.add_argument("--samples", type=int, default=500, help="pictures for the comparison of heaps")
    parser.add_argument("--colour-seeds", type=int, default=2)
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("data/local/judge-photos.npz"),
        help="keeps what the judge saw of real pictures",
    )
    parser.add_argument("--copies", type=Path, metavar="TRAINED")
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="write contact sheets there")
    options = parser.parse_args()
    judge, encoder = Judge(), load_encoder("starter")
    maker = Maker(load_generator(options.generator), encoder, STEPS)
    shop = Shop(options.data, judge)
    figures, by_type = types(shop, maker, judge)
    print(json.dumps(figures), flush=True)
    found, by_colour = colours(shop, maker, options.colour_seeds)
    print(json.dumps(found), flush=True)
    options.cache.parent.mkdir(parents=True, exist_ok=True)
    found, by_kind = goods(options.data, maker, judge, options.cache)
    print(json.dumps(found), flush=True)
    if options.sheets:
        sheet(by_kind, options.sheets / "starter-goods.png", columns=GOODS_SEEDS)
        decent = {name: pictures for name, pictures in by_type.items() if name != "Briefs"}
        sheet(decent, options.sheets / "starter-types.png", columns=8)
        some = {
            words: pictures for words, pictures in by_colour.items() if words.split(" ", 1)[1] in KINDS[:5]
        }
        sheet(some, options.sheets / "starter-colours.png", columns=2)
    print(json.dumps(speed(maker)), flush=True)
    if options.samples:
        found, made = spread(shop, Maker(maker.generator, encoder, 25), judge, options.samples)
        print(json.dumps(found), flush=True)
        if options.copies:
            print(json.dumps(copies(made, encoder, options.copies)), flush=True)


if __name__ == "__main__":
    main()
