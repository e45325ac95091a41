"""What the starter is known to know: landmarks of all domains, and pictures that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import names
import numpy as np
import packs
from embedded import Embedded

from indexer import Embeddings
from search.verdict.knowledge import Knowledge, Landmarks
from search.verdict.phrase_bank import PHRASES
from search.verdict.signals import Bank, Null

LEAST = 8  # training pictures of a concept
SHRINKAGE = 0.05  # of the covariance within concepts, to a multiple of the identity
BACKGROUND = {"broad/dev": 900, "flickr8k-dev": 350, "fashion-dev": 250}
"""Development sets, and how many of their pictures with even numbers belong to the background."""

_DRAWN = ("broad/drawn", "broad/stamps")
_THINNED = {"fashion-train": 3}  # of many alike pictures, every third


def discriminants(images: Embeddings, labels: np.ndarray) -> tuple[list[str], Embeddings, Embeddings]:
    """Fit linear discriminants (Fisher 1936).

    Args:
        images: (n, dim).
        labels: (n,) of texts.

    Returns:
        Labels with enough pictures, weights (k, dim) and biases (k,).
    """
    kept = [
        label for label, count in zip(*np.unique(labels, return_counts=True), strict=True) if count >= LEAST
    ]
    known = np.isin(labels, kept)
    rows, place = images[known].astype(np.float64), np.searchsorted(np.array(kept), labels[known])
    means = np.stack([rows[place == number].mean(axis=0) for number in range(len(kept))])
    within = rows - means[place]
    covariance = within.T @ within / len(within)
    plain = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve((1 - SHRINKAGE) * covariance + SHRINKAGE * plain, means.T).T
    return kept, weights.astype(np.float32), (-(weights * means).sum(axis=1) / 2).astype(np.float32)


def bank_of(data: Path, embedded: Embedded, without: str | None) -> Bank:
    """Put a bank together: phrases, how unrelated pictures and texts are spread, and knowledge.

    Args:
        data: folder of the Parquet files.
        embedded: by the encoder.
        without: the group of sources that the encoder was not trained on; nothing here comes from it.
    """
    generator = np.random.default_rng(0)
    images, labels = [], []
    for name in packs.SETS:
        if name in _DRAWN or name.startswith("flickr8k"):
            continue
        rows = embedded.images(name)
        chosen = _chosen(packs.read(data, name)[: len(rows)], without)[:: _THINNED.get(name, 1)]
        images.append(rows[[number for number, _ in chosen]])
        labels += [row.label for _, row in chosen]
    kept, weights, bias = discriminants(np.concatenate(images), np.array(labels))
    landmarks = Landmarks(names=embedded.asked(kept), weights=weights, bias=bias)
    background = generator.permutation(np.concatenate(list(_background(data, embedded, without, generator))))
    phrases = embedded.texts([*PHRASES, *(group[0] for group in names.imagenet_names())])
    captions = [row.captions[0] for row in packs.read(data, "flickr8k-train")[::3]]
    titles = [row.captions[0] for row in packs.read(data, "fashion-train")[::20]]
    texts = np.concatenate([embedded.texts([*captions, *titles]), phrases[: len(PHRASES)]])
    knowledge = Knowledge(landmarks=landmarks, background=background, learned=embedded.heads.widths.learned)
    return Bank.of(phrases, {"image": Null.of(background), "text": Null.of(texts)}, knowledge)


def _chosen(rows: Sequence[packs.Row], without: str | None) -> list[tuple[int, packs.Row]]:
    """Number the labelled rows that the encoder was trained on."""
    return [
        (number, row)
        for number, row in enumerate(rows)
        if row.label
        and not (without and packs.group_of(row.source) == without)
        and not (row.source == "clothing" and packs.is_held_out(row.file))
    ]


def _background(
    data: Path, embedded: Embedded, without: str | None, generator: np.random.Generator
) -> Iterator[Embeddings]:
    for name, most in BACKGROUND.items():
        rows = packs.read(data, name)
        even = [
            n
            for n, row in enumerate(rows)
            if n % 2 == 0 and not (without and packs.group_of(row.source) == without)
        ]
        yield embedded.images(name)[generator.permutation(np.array(even, int))[:most]]
