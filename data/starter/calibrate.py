"""Fit and judge the starter's calibration: P(hit answers the query), P(anything here does).

    python data/starter/calibrate.py DATA CACHE             fit, judge, and save beside the shipped ones
    python data/starter/calibrate.py DATA CACHE --quick     fewer episodes

Wants the files of ``features.py`` in CACHE. Fitted on the development sets, which the heads never saw: on
pictures that heads were trained on, all answers look too clear. Judged by cross-validation over concepts:
each concept is judged by models that never saw it, in any set.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import corpus
import names
import numpy as np
import pyarrow.parquet as pq
import torch
from judging import FOLDS, Compared, Dev, fold, judge_names, judge_others, judged
from landmarks import landmarks
from sought import Captioned, Labelled, by_both, by_class, by_name, by_picture, by_title, captions_of, scenes
from torch.nn import functional

import search
from indexer import Embeddings, Kind, load_encoder
from indexer.encoders.starter import weights as starter_weights
from indexer.encoders.starter.heads import Heads
from search.verdict.calibration import Calibration, QueryKind
from search.verdict.fit import choose_bars, fit_models
from search.verdict.leave_one_out import Observation, Sought, observe
from search.verdict.phrase_bank import PHRASES
from search.verdict.signals import Bank, Null

LEFT_OUT = 0.2  # share of names asked as if their own landmark were not there


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


def bank(sets: Sets, fashion: Labelled, clothing: Labelled, flickr: Captioned) -> tuple[Bank, np.ndarray]:
    """Put the bank together: phrases, how unrelated pictures and texts are spread, and landmarks.

    All sets weigh the same in the spread, so that it is nobody's own collection.
    """
    generator = np.random.default_rng(0)

    def some(rows: Embeddings) -> Embeddings:
        return rows[generator.permutation(len(rows))[:2_000]]

    phrases = sets.embed(PHRASES)
    assert fashion.titles is not None
    images = np.concatenate([some(fashion.images), some(clothing.images), some(flickr.images)])
    texts = np.concatenate([some(fashion.titles), phrases, some(flickr.captions[:, 0])])
    known, classes = landmarks((fashion, clothing))
    return Bank.of(phrases, {"image": Null.of(images), "text": Null.of(texts)}, known), classes


def training(compared: Compared, dev: Dev, scale: float) -> list[Observation]:
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
    for seed in range(rounds(3)):
        some = list(by_class(dev.classes, dev.called, 3, seed))
        plan.append(("image", dev.everything, some))
    asked: QueryKind
    for asked in ("text", "image", "mixed"):
        plan.append(("image", flickr.images, list(scenes(flickr, many(500), asked))))
        plan.append(("text", dev.captions, list(captions_of(flickr, many(300), asked))))
    seen = [
        one
        for seed, (kind, rows, some) in enumerate(plan)
        for one in observe(compared.bank, kind, rows, some, seed=100 + seed)
    ]
    for data in (
        fashion,
        clothing,
    ):  # whole collections are large ones, and half as many as parts of all sizes
        for seed in range(rounds(12)):
            seen += compared.named(data.images, by_name(data, 5, 8, seed), seed=200 + seed, left_out=LEFT_OUT)
        for seed in range(rounds(6)):
            named = by_name(data, 5, 8, seed)
            seen += compared.named(data.images, named, seed=300 + seed, left_out=LEFT_OUT, whole=True)
    return seen


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
    compared = Compared(*bank(sets, sets.fashion("train"), sets.clothing(False), sets.flickr8k("train")))
    dev = Dev(sets)
    seen = training(compared, dev, 0.3 if options.quick else 1.0)
    print(f"{len(seen)} observations", flush=True)
    fitted = [fit_models([one for one in seen if fold(one.concept) != k]) for k in range(FOLDS)]
    judge_names(compared, dev, fitted)
    judge_others(compared.bank, dev, fitted)
    bars = choose_bars(judged(fitted, seen).astype(np.float32), np.array([one.present for one in seen]))
    print(json.dumps({"bars": [bars.match, bars.weak]}))
    final = fit_models(seen)
    weights = load_encoder("starter").spec.weights_sha256
    options.out.mkdir(exist_ok=True)
    Calibration(
        weights_sha256=weights,
        bank=compared.bank,
        hits=final.hits,
        coverage=final.coverage,
        order=final.order,
        bars=bars,
        source="leave-concept-out on Flickr8k, fashion products and clothing (data/starter/CALIBRATION.md)",
    ).save(options.out / f"{weights[:16]}.safetensors")


if __name__ == "__main__":
    main()
