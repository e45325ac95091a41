"""Fit and judge the starter's calibration: P(hit answers the query), P(anything here does).

    python data/starter/calibrate.py DATA CACHE             fit, judge, and save beside the shipped ones
    python data/starter/calibrate.py DATA CACHE --quick     fewer episodes

Wants the files of ``features.py`` in CACHE. Fitted on the development sets, which the heads never saw: on
pictures that heads were trained on, all answers look too clear. Judged by cross-validation over concepts:
each concept is judged by models that never saw it, in any set.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import corpus
import names
import numpy as np
import pyarrow.parquet as pq
import torch
from sought import Captioned, Labelled, by_both, by_class, by_name, by_picture, by_title, captions_of, scenes
from torch.nn import functional

import search
from indexer import Embeddings, Kind, load_encoder
from indexer.encoders import starter_weights
from indexer.encoders.heads import Heads
from search.coverage import Calibration, QueryKind
from search.episodes import Observation, Sought, observe
from search.fitting import Fitted, choose_bars, fit_models
from search.metrics import auroc, calibration_error, false_accepts
from search.phrases import PHRASES
from search.signals import Bank, Null

FOLDS = 5


class Sets:
    """Embeddings of all sets, from cached features.

    Args:
        data: folder of the Parquet files.
        cache: folder of the features.
        heads: the projection heads.
    """

    def __init__(self, data: Path, cache: Path, heads: Heads) -> None:
        self._data, self._cache, self._heads = data, cache, heads
        self._texts = corpus.Texts(cache)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, (n, dim)."""
        numbers = self._texts.numbers(list(texts))
        self._texts.encode()
        rows: Embeddings = self._heads.embed_texts(self._texts.take(numbers)).numpy()
        return rows

    @torch.inference_mode()
    def images(self, name: str) -> Embeddings:
        """Embed the plain view of a set's pictures, (n, dim)."""
        features = corpus.views(self._cache, name)[0]
        parts = [self._heads.embed_images(part.float()).numpy() for part in features.split(2_000)]
        return np.concatenate(parts)

    def fashion(self, part: str) -> Labelled:
        """Give the product photos."""
        columns = ["articleType", "baseColour", "title"]
        rows = pq.read_table(self._data / f"fashion-{part}.parquet", columns=columns).to_pydict()
        labels, colours = np.array(rows["articleType"]), np.array(rows["baseColour"])
        called = {
            label: [label.lower(), f"a photo of {label.lower()}", *names.article_names(label)]
            for label in sorted(set(rows["articleType"]))
        }
        pairs = sorted({(c, a) for c, a in zip(colours.tolist(), labels.tolist(), strict=True)})
        coloured = self.embed([f"{colour} {called[label][-1]}".lower() for colour, label in pairs])
        return Labelled(
            images=self.images(f"fashion-{part}"),
            titles=self.embed(rows["title"]),
            labels=labels,
            colours=colours,
            names=self._named(called),
            coloured=dict(zip(pairs, coloured, strict=True)),
        )

    def clothing(self, held_out: bool) -> Labelled:
        """Give the photos of clothes, of the fifth that is held out or of the rest."""
        rows = pq.read_table(self._data / "clothing-train.parquet", columns=["file", "label"]).to_pylist()
        chosen = [i for i, row in enumerate(rows) if corpus.is_held_out(row["file"]) == held_out]
        called = {
            label: [text for name in group for text in (name, f"a photo of a {name}")]
            for label, group in names.CLOTHES.items()
        }
        return Labelled(
            images=self.images("clothing-train")[chosen],
            titles=None,
            labels=np.array([rows[i]["label"] for i in chosen]),
            colours=None,
            names=self._named(called),
            coloured={},
        )

    def flickr8k(self, part: str) -> Captioned:
        """Give the captioned photos."""
        captions = pq.read_table(self._data / f"flickr8k-{part}.parquet", columns=["captions"])
        flat = [caption for five in captions["captions"].to_pylist() for caption in five]
        embedded = self.embed(flat)
        features = self._texts.take(self._texts.numbers(flat))
        return Captioned(
            images=self.images(f"flickr8k-{part}"),
            captions=embedded.reshape(-1, 5, embedded.shape[1]),
            meanings=functional.normalize(features, dim=1).numpy().reshape(-1, 5, features.shape[1]),
        )

    def held_out(self) -> np.ndarray:
        """Mark the clothes that heads were not trained on, (n,)."""
        files = pq.read_table(self._data / "clothing-train.parquet", columns=["file"])["file"].to_pylist()
        return np.array([corpus.is_held_out(file) for file in files])

    @torch.inference_mode()
    def classes(self, name: str) -> np.ndarray:
        """Give the packaged classifier's probabilities of a set's pictures, (n, 1000) float32."""
        state = starter_weights.load_classifier(starter_weights.locate().image)
        weight, bias = state["classifier.weight"], state["classifier.bias"]
        features = corpus.views(self._cache, name)[0][:, : weight.shape[1]].float()
        probabilities: np.ndarray = (features @ weight.T + bias).softmax(dim=1).numpy()
        return probabilities

    def called(self) -> dict[str, tuple[Embeddings, np.ndarray]]:
        """Give what people call the classes and kinds of them: sentences' embeddings and classes' numbers."""
        groups = {group[0]: [number] for number, group in enumerate(names.imagenet_names())}
        groups |= names.kind_members()
        templates = ("{}", "{a}", "a photo of {a}")
        found = {}
        for name, numbers in groups.items():
            rows = self.embed([names.sentence(template, name) for template in templates])
            found[name] = (rows, np.array(numbers))
        return found

    def _named(self, called: dict[str, list[str]]) -> dict[str, Embeddings]:
        return {label: self.embed(list(dict.fromkeys(group))) for label, group in called.items()}


def bank(sets: Sets, fashion: Labelled, clothing: Labelled, flickr: Captioned) -> Bank:
    """Put the bank together: phrases, and how unrelated pictures and texts are spread.

    All sets weigh the same in the spread, so that it is nobody's own collection.
    """
    generator = np.random.default_rng(0)

    def some(rows: Embeddings) -> Embeddings:
        return rows[generator.permutation(len(rows))[:2_000]]

    phrases = sets.embed(PHRASES)
    assert fashion.titles is not None
    images = np.concatenate([some(fashion.images), some(clothing.images), some(flickr.images)])
    texts = np.concatenate([some(fashion.titles), phrases, some(flickr.captions[:, 0])])
    return Bank.of(phrases, {"image": Null.of(images), "text": Null.of(texts)})


class Dev:
    """The development sets, which the heads never saw."""

    def __init__(self, sets: Sets) -> None:
        self.fashion, self.clothing = sets.fashion("dev"), sets.clothing(True)
        self.flickr = sets.flickr8k("dev")
        self.captions = self.flickr.captions.reshape(-1, self.flickr.captions.shape[-1])

        everything = ("fashion-dev", "flickr8k-dev", "clothing-train")
        self.everything = np.concatenate([sets.images(name) for name in everything])
        self.classes = np.concatenate([sets.classes(name) for name in everything])
        kept = np.ones(len(self.everything), bool)
        kept[-len(sets.held_out()) :] = sets.held_out()
        self.everything, self.classes = self.everything[kept], self.classes[kept]
        self.called = sets.called()

    @property
    def titles(self) -> Embeddings:
        """Give the embeddings of the products' titles, (n, dim)."""
        assert self.fashion.titles is not None
        return self.fashion.titles


def training(compared: Bank, dev: Dev, scale: float) -> list[Observation]:
    """Observe the episodes to fit on."""

    def many(count: int) -> int:
        return max(int(count * scale), 10)

    def rounds(count: int) -> int:
        return max(int(count * scale), 1)

    fashion, clothing, flickr = dev.fashion, dev.clothing, dev.flickr
    plan: list[tuple[Kind, Embeddings, list[Sought]]] = [
        ("image", fashion.images, list(by_title(fashion, many(500)))),
        ("image", fashion.images, [*by_picture(fashion, many(900)), *by_both(fashion, many(900))]),
        ("text", dev.titles, [*by_name(fashion, 2, many(8)), *by_title(fashion, many(500))]),
        ("text", dev.titles, [*by_picture(fashion, many(600)), *by_both(fashion, many(600))]),
        ("image", clothing.images, list(by_picture(clothing, many(300)))),
    ]
    for seed in range(rounds(12)):
        plan.append(("image", fashion.images, list(by_name(fashion, 2, 8, seed))))
    for seed in range(rounds(3)):
        some = list(by_class(dev.classes, dev.called, 3, seed))
        plan.append(("image", dev.everything, some))
    for seed in range(rounds(12)):
        plan.append(("image", clothing.images, list(by_name(clothing, 5, 8, seed))))
    asked: QueryKind
    for asked in ("text", "image", "mixed"):
        plan.append(("image", flickr.images, list(scenes(flickr, many(500), asked))))
        plan.append(("text", dev.captions, list(captions_of(flickr, many(300), asked))))
    seen = [
        one
        for seed, (kind, rows, some) in enumerate(plan)
        for one in observe(compared, kind, rows, some, seed=100 + seed)
    ]
    for data in (fashion, clothing):  # whole collections are large ones, and as many as parts of all sizes
        named = [one for seed in range(rounds(4)) for one in by_name(data, 3, 8, seed)]
        seen += observe(compared, "image", data.images, named, whole=True)
    return seen


def fold(concept: str) -> int:
    """Put a concept into one of the folds."""
    return hashlib.sha256(concept.lower().encode()).digest()[0] % FOLDS


def judged(fitted: list[Fitted], seen: list[Observation]) -> np.ndarray:
    """Give each observation's coverage by the models that never saw its concept, (n,)."""
    models = [fitted[fold(one.concept)].coverage[one.asked, one.kind] for one in seen]
    return np.array([float(m.probability(one.coverage)) for m, one in zip(models, seen, strict=True)])


def report(name: str, seen: list[Observation], coverage: np.ndarray) -> None:
    """Print how well coverage tells presence from absence, beside simple scores."""
    present = np.array([one.present for one in seen])
    first = np.array([one.first_score for one in seen])
    mean = np.array([one.mean_score for one in seen])
    for way, scores in {"coverage": coverage, "first score": first, "first - mean": first - mean}.items():
        accepted = 100 * false_accepts(scores, present)
        line = f"{name:36} {way:13} AUROC {auroc(scores, present):.3f}  FA@95 {accepted:5.1f} %"
        if way == "coverage":
            line += f"  ECE {calibration_error(coverage, present):.3f}  n {len(seen)}"
        print(line, flush=True)


def development(compared: Bank, dev: Dev, fitted: list[Fitted]) -> None:
    """Judge, on other collections and names than were fitted on."""
    fashion, clothing, flickr = dev.fashion, dev.clothing, dev.flickr
    clothes = [one for seed in range(50, 54) for one in by_name(clothing, 5, 6, seed)]
    things = list(by_class(dev.classes, dev.called, 1, 90))
    cases: list[tuple[str, bool, Kind, Embeddings, list[Sought]]] = [
        ("fashion types (>= 3), whole set", True, "image", fashion.images, list(by_name(fashion, 3, 2, 90))),
        (
            "fashion types (>= 10), whole set",
            True,
            "image",
            fashion.images,
            list(by_name(fashion, 10, 2, 90)),
        ),
        ("fashion types (>= 10), parts", False, "image", fashion.images, list(by_name(fashion, 10, 6, 90))),
        ("clothes, parts", False, "image", clothing.images, clothes),
        ("ImageNet names, all sets, parts", False, "image", dev.everything, things),
        ("fashion titles -> pictures", False, "image", fashion.images, list(by_title(fashion, 300, 90))),
        ("fashion types -> titles", False, "text", dev.titles, list(by_name(fashion, 5, 3, 90))),
        ("fashion pictures -> pictures", False, "image", fashion.images, list(by_picture(fashion, 300, 90))),
        ("fashion both -> pictures", False, "image", fashion.images, list(by_both(fashion, 300, 90))),
        ("flickr captions -> pictures", False, "image", flickr.images, list(scenes(flickr, 300, "text", 90))),
        (
            "flickr captions -> captions",
            False,
            "text",
            dev.captions,
            list(captions_of(flickr, 200, "text", 90)),
        ),
        (
            "flickr pictures -> captions",
            False,
            "text",
            dev.captions,
            list(captions_of(flickr, 200, "image", 90)),
        ),
    ]
    named = []
    for number, (name, whole, kind, rows, some) in enumerate(cases):
        seen = list(observe(compared, kind, rows, some, seed=number, whole=whole))
        report(name, seen, judged(fitted, seen))
        if number in (1, 3):
            named += seen
    report("both kinds of names together", named, judged(fitted, named))


def main() -> None:
    """Fit, judge, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--heads", type=Path, default=starter_weights.HEADS_FILE)
    parser.add_argument("--out", type=Path, default=Path(search.__file__).with_name("calibrations"))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    sets = Sets(options.data, options.cache, Heads.load(options.heads))
    compared = bank(sets, sets.fashion("train"), sets.clothing(False), sets.flickr8k("train"))
    dev = Dev(sets)
    seen = training(compared, dev, 0.3 if options.quick else 1.0)
    print(f"{len(seen)} observations", flush=True)
    fitted = [fit_models([one for one in seen if fold(one.concept) != k]) for k in range(FOLDS)]
    development(compared, dev, fitted)
    bars = choose_bars(judged(fitted, seen).astype(np.float32), np.array([one.present for one in seen]))
    print(json.dumps({"bars": [bars.match, bars.weak]}))
    final = fit_models(seen)
    weights = load_encoder("starter").spec.weights_sha256
    options.out.mkdir(exist_ok=True)
    Calibration(
        weights_sha256=weights,
        bank=compared,
        hits=final.hits,
        coverage=final.coverage,
        order=final.order,
        bars=bars,
        source="leave-concept-out on Flickr8k, fashion products and clothing (data/starter/CALIBRATION.md)",
    ).save(options.out / f"{weights[:16]}.safetensors")


if __name__ == "__main__":
    main()
