"""A collection of very many items without pictures to show: what both measurements of large ones need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import Collection, EncoderSpec, Imported
from indexer.changes import Draft

DIM = 512
_CLUSTERS = 20_000
_BATCH = 2_000
_WORDS = ("red", "blue", "teal", "oak", "steel", "soft", "wide", "old", "tall", "plain", "round", "small")
_THINGS = tuple(f"{thing}{number}" for thing in ("chair", "lamp", "boot", "mug") for number in range(500))


class FixedEncoder:
    """Gives each text a direction as far from all pictures as texts are for CLIP; the model costs nothing."""

    spec = EncoderSpec(
        name="fixed",
        architecture="fixed",
        pretrained="",
        dim=DIM,
        image_size=64,
        preprocessing_sha256="",
        weights_sha256="",
    )

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts (n) to (n, dim)."""
        return np.concatenate([ood_queries(1, len(text) + sum(text.encode())) for text in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed pictures (n) to (n, dim)."""
        return next(clustered(len(images), len(images) or 1))


def clustered(count: int, chunk: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Draw (chunk, DIM) float32 unit rows in clusters of uneven sizes around a common direction, like CLIP's.

    Clusters are as broad as is usual: the cosine of a row with its centre is about 0.8.
    """
    rng = np.random.default_rng(seed)
    common = rng.normal(size=DIM)
    centres = rng.normal(size=(_CLUSTERS, DIM)).astype(np.float32) + 0.8 * common.astype(np.float32)
    weights = rng.pareto(1.5, _CLUSTERS) + 0.2
    for start in range(0, count, chunk):
        size = min(chunk, count - start)
        places = rng.choice(_CLUSTERS, size, p=weights / weights.sum())
        rows = centres[places] + 0.9 * rng.normal(size=(size, DIM)).astype(np.float32)
        yield (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def ood_queries(count: int, seed: int) -> np.ndarray:
    """Draw (count, DIM) float32 unit queries near a cluster, but around another mean, as texts are."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=DIM)
    centres = rng.normal(size=(_CLUSTERS, DIM)).astype(np.float32) + 0.8 * common.astype(np.float32)
    other = np.random.default_rng(1).normal(size=DIM)
    mine = np.random.default_rng(seed)
    rows = 0.5 * centres[mine.choice(_CLUSTERS, count)] + 1.2 * other + 0.5 * mine.normal(size=(count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def fill(folder: Path, count: int) -> None:
    """Write so many items with a title and a picture's embedding, as indexing does."""
    collection = Collection.create(folder, FixedEncoder())
    rng = np.random.default_rng(2)
    provenance = Imported(source="/photos", at=datetime.now(UTC))
    number = 0
    for rows in clustered(count, _BATCH):
        drafts = []
        for row in rows:
            words = [*rng.choice(_WORDS, 2), rng.choice(_THINGS)]
            drafts.append(
                Draft(
                    id=None,
                    key=f"/photos/{number:08}.jpg",
                    path=f"/photos/{number:08}.jpg",
                    fingerprint=str(number),
                    title=" ".join(words),
                    text="",
                    width=640,
                    height=480,
                    attributes={"price": number % 100},
                    image_sha256=f"i{number}",
                    text_sha256=None,
                    provenance=provenance,
                    embeddings={"image": row},
                    thumbnail=None,
                )
            )
            number += 1
        collection.store.write(drafts)
    collection.close()
