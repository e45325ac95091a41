"""Judging the starter's calibration on the development sets, by cross-validation over concepts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
from sought import Captioned, Labelled, by_both, by_class, by_name, by_picture, by_title, captions_of, scenes

from indexer import Embeddings, Kind
from search.evaluation.verdict_metrics import Interval, auroc, bootstrap, calibration_error, false_accepts
from search.verdict.fit import Fitted
from search.verdict.leave_one_out import Observation, Sought, observe
from search.verdict.signals import Bank

FOLDS = 5
COMMON = 10  # pictures of a product type that is not rare


class Sets(Protocol):
    """What gives the embeddings of all sets; see ``calibrate.py``."""

    def fashion(self, part: str) -> Labelled: ...  # noqa: D102
    def clothing(self, held_out: bool) -> Labelled: ...  # noqa: D102
    def flickr8k(self, part: str) -> Captioned: ...  # noqa: D102
    def images(self, name: str) -> Embeddings: ...  # noqa: D102
    def held_out(self) -> np.ndarray: ...  # noqa: D102
    def classes(self, name: str) -> np.ndarray: ...  # noqa: D102
    def called(self) -> dict[str, tuple[Embeddings, np.ndarray]]: ...  # noqa: D102


class Compared:
    """A bank, with and without the landmark of what is asked for.

    Args:
        bank: with landmarks.
        classes: (k,) what each landmark is, as ``landmarks.landmarks`` names it.
    """

    def __init__(self, bank: Bank, classes: np.ndarray) -> None:
        self.bank = bank
        self._classes = np.array([name.partition(":")[2].lower() for name in classes])

    def without(self, concept: str) -> Bank:
        """Give the bank without a concept's own landmarks."""
        assert self.bank.landmarks is not None
        left_out = self._classes == concept.lower()
        return replace(self.bank, landmarks=self.bank.landmarks.without(left_out))

    def named(
        self, rows: Embeddings, some: Iterable[Sought], *, seed: int, left_out: float, whole: bool = False
    ) -> Iterator[Observation]:
        """Ask for classes by name, for a share of them as if their own landmark were not there."""
        generator = np.random.default_rng(seed)
        for number, one in enumerate(some):
            bank = self.without(one.concept) if generator.random() < left_out else self.bank
            yield from observe(bank, "image", rows, [one], seed=10_000 * seed + number, whole=whole)


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


def fold(concept: str) -> int:
    """Put a concept into one of the folds."""
    return hashlib.sha256(concept.lower().encode()).digest()[0] % FOLDS


def judged(fitted: list[Fitted], seen: list[Observation]) -> np.ndarray:
    """Give each observation's coverage by the models that never saw its concept, (n,)."""
    models = [fitted[fold(one.concept)].coverage[one.asked, one.kind] for one in seen]
    return np.array([float(m.probability(one.coverage)) for m, one in zip(models, seen, strict=True)])


def least_error(coverage: np.ndarray) -> float:
    """Give the calibration error that probabilities would show if they were true, at their number."""
    generator = np.random.default_rng(0)
    drawn = [calibration_error(coverage, generator.random(len(coverage)) < coverage) for _ in range(200)]
    return float(np.mean(drawn))


def report(name: str, seen: list[Observation], coverage: np.ndarray) -> None:
    """Print how well coverage tells presence from absence, beside simple scores."""
    present = np.array([one.present for one in seen])
    concepts = np.array([one.concept for one in seen])
    first = np.array([one.first_score for one in seen])
    mean = np.array([one.mean_score for one in seen])

    def within(statistic: Callable[..., float], values: np.ndarray) -> Interval:
        """Redraw concepts, each with all its askings."""
        return bootstrap(statistic, [values, present], clusters=concepts, resamples=300)

    for way, scores in {"coverage": coverage, "first score": first, "first - mean": first - mean}.items():
        accepted = false_accepts(scores, present)
        line = f"{name:44} {way:13} AUROC {auroc(scores, present):.3f}  FA@95 {100 * accepted:5.1f} %"
        if way == "coverage":
            ways = (auroc, false_accepts, calibration_error)
            ranges = [within(statistic, scores) for statistic in ways]
            spans = "  ".join(f"{one.low:.3f}-{one.high:.3f}" for one in ranges)
            line += f"  ECE {calibration_error(coverage, present):.3f} (perfect {least_error(coverage):.3f})"
            line += f"  n {len(seen)}  intervals {spans}"
        print(line, flush=True)


def names_asked(compared: Compared, dev: Dev, left_out: float) -> dict[str, list[Observation]]:
    """Ask for products and clothes by their names, of whole collections and of parts."""
    found: dict[str, list[Observation]] = {}
    for what, data, least, seeds in (
        ("fashion types (>= 5)", dev.fashion, 5, range(90, 94)),
        ("clothes", dev.clothing, 5, range(90, 102)),
    ):
        for whole in (True, False):
            some = [one for seed in (seeds[:1] if whole else seeds) for one in by_name(data, least, 8, seed)]
            asked = compared.named(data.images, some, seed=90, left_out=left_out, whole=whole)
            found[f"{what}, {'whole set' if whole else 'parts'}"] = list(asked)
    return found


def judge_names(compared: Compared, dev: Dev, fitted: list[Fitted]) -> None:
    """Judge the names of products and clothes, with their landmarks and without."""
    for left_out, note in ((0.0, ""), (1.0, ", no landmark")):
        found = names_asked(compared, dev, left_out)
        for name, seen in found.items():
            report(name + note, seen, judged(fitted, seen))
        for what in ("fashion types", "clothes"):
            some = [one for name, seen in found.items() if name.startswith(what) for one in seen]
            report(f"{what}, all{note}", some, judged(fitted, some))
        every = [one for seen in found.values() for one in seen]
        report(f"both, all{note}", every, judged(fitted, every))
        labels, counts = np.unique(dev.fashion.labels, return_counts=True)
        rare = set(labels[counts < COMMON].tolist())
        for what in ("fashion types", "both"):
            names = [name for name in found if name.startswith(what) or what == "both"]
            some = [one for name in names for one in found[name] if one.concept not in rare]
            report(f"{what}, all, >= {COMMON}{note}", some, judged(fitted, some))
    few = list(by_name(dev.fashion, 3, 4, 90))
    seen = list(compared.named(dev.fashion.images, few, seed=90, left_out=0.0, whole=True))
    report("fashion types (>= 3), whole set", seen, judged(fitted, seen))


def judge_others(bank: Bank, dev: Dev, fitted: list[Fitted]) -> None:
    """Judge all other ways to ask."""
    fashion, flickr = dev.fashion, dev.flickr
    things = [one for seed in (90, 91) for one in by_class(dev.classes, dev.called, 1, seed)]
    captions = [list(captions_of(flickr, 200, way, 90)) for way in ("text", "image")]
    cases: list[tuple[str, Kind, Embeddings, list[Sought]]] = [
        ("ImageNet names, all sets, parts", "image", dev.everything, things),
        ("fashion titles -> pictures", "image", fashion.images, list(by_title(fashion, 300, 90))),
        ("fashion types -> titles", "text", dev.titles, list(by_name(fashion, 5, 3, 90))),
        ("fashion pictures -> pictures", "image", fashion.images, list(by_picture(fashion, 300, 90))),
        ("fashion both -> pictures", "image", fashion.images, list(by_both(fashion, 300, 90))),
        ("flickr captions -> pictures", "image", flickr.images, list(scenes(flickr, 300, "text", 90))),
        ("flickr captions -> captions", "text", dev.captions, captions[0]),
        ("flickr pictures -> captions", "text", dev.captions, captions[1]),
    ]
    for number, (name, kind, rows, some) in enumerate(cases):
        seen = list(observe(bank, kind, rows, some, seed=number))
        report(name, seen, judged(fitted, seen))
