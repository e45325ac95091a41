"""A collection of very many items without pictures to show: what both measurements of large ones need."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import Collection, EncoderSpec, Imported
from indexer.storage.drafts import Draft

DIM = 512
_CLUSTERS, _DIRECTIONS = 5_000, 100
_WITHIN, _NOISE = 0.35, 0.2  # spread of a cluster, in its directions and in all
_TOLD, _UNTOLD = 0.35, 0.6  # of a query: what it has in common with a cluster, and what not
_BATCH = 2_000
_WORDS = ("red", "blue", "teal", "oak", "steel", "soft", "wide", "old", "tall", "plain", "round", "small")
_THINGS = tuple(f"{thing}{number}" for thing in ("chair", "lamp", "boot", "mug") for number in range(500))


class FixedEncoder:
    """Gives each text a direction that is always the same: what a model costs is left out.

    Args:
        draw: gives so many unit rows, (n, DIM), of a seed.
    """

    spec = EncoderSpec(
        name="fixed",
        architecture="fixed",
        pretrained="",
        dim=DIM,
        image_size=64,
        preprocessing_sha256="",
        weights_sha256="",
    )

    def __init__(self, draw: Callable[[int, int], np.ndarray] | None = None) -> None:
        self._draw = draw or ood_queries

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts (n) to (n, dim)."""
        return np.concatenate([self._draw(1, len(text) + sum(text.encode())) for text in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed pictures (n) to (n, dim)."""
        return self._draw(len(images), 0)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


class _Shape:
    """What rows are drawn from: clusters in a few directions that count less and less, around one mean."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.picture_mean, self.text_mean = (
            0.6 * _unit(rng.normal(size=DIM)),
            0.55 * _unit(rng.normal(size=DIM)),
        )
        self.text_mean += 0.3 * self.picture_mean
        basis = np.linalg.qr(rng.normal(size=(DIM, _DIRECTIONS)))[0]
        spectrum = np.arange(1, _DIRECTIONS + 1) ** -0.5
        self.basis = (basis * spectrum / np.linalg.norm(spectrum)).T.astype(np.float32)  # (directions, dim)
        self.centres = rng.normal(size=(_CLUSTERS, _DIRECTIONS)).astype(np.float32)
        weights = rng.pareto(1.5, _CLUSTERS) + 0.2
        self.weights = weights / weights.sum()


_SHAPE = _Shape()


def clustered(count: int, chunk: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Draw (chunk, DIM) float32 unit rows, shaped like the starter's embeddings of product photos.

    Clusters of uneven sizes. Of 37,683 rows: mean cosine 0.34 (of so many real ones 0.34), the nearest of a
    thousand others at 0.83 (0.91), a sixteenth of the lists finds 0.99 of the ten best (a thirty-second).
    """
    rng, shape = np.random.default_rng(seed), _SHAPE
    for start in range(0, count, chunk):
        size = min(chunk, count - start)
        latent = shape.centres[rng.choice(_CLUSTERS, size, p=shape.weights)]
        latent = latent + _WITHIN * rng.normal(size=latent.shape).astype(np.float32)
        noise = _NOISE * rng.normal(size=(size, DIM)) / np.sqrt(DIM)
        yield _unit(shape.picture_mean + 0.8 * latent @ shape.basis + noise).astype(np.float32)


def ood_queries(count: int, seed: int) -> np.ndarray:
    """Draw (count, DIM) float32 unit queries as texts are to pictures: another mean, and much noise.

    Their best cosine with one of 37,683 pictures is 0.43 (of real texts 0.41), the mean 0.13 (0.11), the
    deviation 0.08 (0.08); a sixteenth of the lists finds 0.98 of the ten best (a thirty-second 0.99).
    """
    rng, shape = np.random.default_rng(seed), _SHAPE
    latent = shape.centres[rng.choice(_CLUSTERS, count, p=shape.weights)]
    noise = rng.normal(size=(count, DIM)) / np.sqrt(DIM)
    return _unit(shape.text_mean + _TOLD * latent @ shape.basis + _UNTOLD * noise).astype(np.float32)


def fill(folder: Path, count: int, *, batch: int = _BATCH) -> None:
    """Write so many items with a title and a picture's embedding, as indexing does."""
    collection = Collection.create(folder, FixedEncoder())
    rng = np.random.default_rng(2)
    provenance = Imported(source="/photos", at=datetime.now(UTC))
    number = 0
    for rows in clustered(count, batch):
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


@contextmanager
def filled(told: str | None) -> Iterator[Path]:
    """Read ``--items`` and ``--keep`` from the command line; give the folder of such a collection.

    Args:
        told: what the command's help says.
    """
    parser = argparse.ArgumentParser(description=told)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="DIR")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.keep or Path(made, "collection")
        if not folder.exists():
            fill(folder, given.items)
        yield folder
