"""Kinds of other departments than clothes, and real pictures for the judge to compare with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from judge import Features, Judge, shown
from numpy.typing import NDArray
from sources import DRAWN_DOMAINS, PACKS, decode

LEAST_PHOTOS = 30  # of a kind, for the judge to know it
_MOST_PHOTOS = 30  # of a kind that the judge looks at
_DEV = "broad/dev"


def read_kinds() -> dict[str, tuple[str, ...]]:
    """Read the kinds of each department."""
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(":", 1) for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip(): tuple(each.strip() for each in rest.split(",")) for name, rest in pairs}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photos:
    """Real pictures, as the judge sees them.

    Attributes:
        features: (n, d).
        labels: (n,) their kinds.
    """

    features: Features
    labels: NDArray[np.str_]


def known_photos(data: Path, judge: Judge, cache: Path) -> Photos:
    """Look at up to 30 photos of each kind that has as many; in some minutes, the first time.

    Args:
        data: folder with the packs.
        judge: looks at them.
        cache: file to keep what it saw in.
    """
    if cache.exists():
        kept = np.load(cache)
        return Photos(features=kept["features"], labels=kept["labels"])
    packs = [pack for pack in PACKS if pack.startswith("broad/") and pack != "broad/textbooks"]
    images, labels = _labelled(data, packs)
    counts = Counter(labels)
    chosen, taken = [], Counter[str]()
    for place in np.random.default_rng(0).permutation(len(labels)).tolist():
        label = labels[place]
        if counts[label] >= LEAST_PHOTOS and taken[label] < _MOST_PHOTOS:
            taken[label] += 1
            chosen.append(place)
    found = Photos(
        features=judge.features([shown(decode(images[place])) for place in chosen]),
        labels=np.array([labels[place] for place in chosen]),
    )
    np.savez(cache, features=found.features, labels=found.labels)
    return found


def dev_photos(data: Path, judge: Judge, kinds: list[str]) -> Photos:
    """Look at the development pictures of some kinds: what the judge makes of real ones."""
    images, labels = _labelled(data, [_DEV])
    chosen = [place for place, label in enumerate(labels) if label in kinds]
    return Photos(
        features=judge.features([shown(decode(images[place])) for place in chosen]),
        labels=np.array([labels[place] for place in chosen]),
    )


def _labelled(data: Path, packs: list[str]) -> tuple[list[bytes], list[str]]:
    images, labels = [], []
    for pack in packs:
        table = pq.read_table(data / f"{pack}.parquet", columns=["label", "domain", "image"])
        for row in table.to_pylist():
            if row["label"] and row["domain"] not in DRAWN_DOMAINS:
                images.append(row["image"])
                labels.append(row["label"].strip().lower())
    return images, labels
