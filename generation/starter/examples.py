"""What a small generator learns from: pictures, their embeddings, and embeddings of phrases about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Embeddings

from .resize import Pixels

Rows = NDArray[np.int64]

_FEWEST_AMONG = 64  # pictures among which neighbours are sought at least; fewer make them less alike
_IMAGE_SHARE, _BOTH_SHARE = 0.35, 0.1  # of conditions; the others are texts, where there are any
_NEIGHBOURED, _DROPPED = 0.5, 0.1  # shares of examples with neighbours, and without a query
_BLUR = 0.04  # greatest deviation of the noise on a picture's embedding; its numbers deviate about as much


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Pictures to learn from.

    Attributes:
        pixels: (n, side, side, 3) uint8.
        images: (n, dim) float16 unit rows, embeddings of the pictures.
        texts: (t, dim) float16 unit rows, embeddings of phrases.
        phrases: (p,) int64, rows of ``texts``: first those of the first picture, then of the next.
        starts: (n + 1,) int64, where each picture's phrases start in ``phrases``.
    """

    pixels: Pixels
    images: Embeddings
    texts: Embeddings
    phrases: Rows
    starts: Rows

    def __post_init__(self) -> None:
        pictures = len(self.pixels)
        if len(self.images) != pictures or len(self.starts) != pictures + 1:
            raise ValueError(
                f"{pictures} pictures need as many embeddings and one start more, not "
                f"{len(self.images)} and {len(self.starts)}"
            )

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return int(self.images.shape[1])

    def texts_of(self, rows: Rows, random: np.random.Generator) -> tuple[Embeddings, NDArray[np.bool_]]:
        """Choose a phrase of each picture: its embedding (m, dim) float32, and whether there is any (m,)."""
        counts = self.starts[rows + 1] - self.starts[rows]
        there = counts > 0
        chosen = np.zeros((len(rows), self.dim), np.float32)
        some = self.starts[rows][there] + random.integers(0, counts[there])
        chosen[there] = self.texts[self.phrases[some]]
        return chosen, there


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """One step's pictures and what tells of them.

    Attributes:
        pixels: (n, side, side, 3) uint8.
        tokens: (n, 1 + m, dim) float32: the query, then its neighbours; zeros where there is none.
        told: (n,) bool, whether there is a query.
        mask: (n, 1 + m) float32, 0 where there is no neighbour.
    """

    pixels: Pixels
    tokens: Embeddings
    told: NDArray[np.bool_]
    mask: Embeddings


def draw(examples: Examples, size: int, *, neighbours: int, random: np.random.Generator) -> Batch:
    """Draw a batch.

    A picture is told by a phrase, by its own embedding with some noise (lest it be learnt by heart), or by
    both, so that text and image queries work alike; now and then by nothing, for classifier-free guidance (Ho
    & Salimans 2022). Half are also shown neighbours (Blattmann et al. 2022), sought among more or fewer
    pictures: what a catalogue has nearest to a query may be near or far.
    """
    rows = random.integers(0, len(examples), size)
    pixels = examples.pixels[rows]
    flipped = random.random(size) < 0.5
    pixels[flipped] = pixels[flipped, :, ::-1]
    tokens, mask, told = draw_conditions(examples, rows, neighbours=neighbours, random=random)
    return Batch(pixels=pixels, tokens=tokens, told=told, mask=mask)


def draw_conditions(
    examples: Examples,
    rows: Rows,
    *,
    neighbours: int,
    random: np.random.Generator,
    neighboured: float = _NEIGHBOURED,
) -> tuple[Embeddings, Embeddings, NDArray[np.bool_]]:
    """Draw what tells of some pictures.

    Args:
        examples: with the embeddings.
        rows: (n,) of the pictures.
        neighbours: shown at most.
        random: gives the chances.
        neighboured: share of the pictures that are shown with neighbours.

    Returns:
        ``tokens``, ``mask`` and ``told`` of a batch.
    """
    size = len(rows)
    own = examples.images[rows].astype(np.float32)
    query = _told(examples, rows, own, random)
    tokens = np.zeros((size, 1 + neighbours, examples.dim), np.float32)
    mask = np.zeros((size, 1 + neighbours), np.float32)
    tokens[:, 0], mask[:, 0] = query, 1
    shown = np.flatnonzero(random.random(size) < neighboured)
    tokens[shown, 1:] = _near(examples, rows[shown], own[shown], neighbours, random)
    mask[shown, 1:] = np.arange(neighbours) < random.integers(1, neighbours + 1, len(shown))[:, None]
    return tokens, mask, random.random(size) >= _DROPPED


def draw_pairs(
    examples: Examples, size: int, *, random: np.random.Generator, rows: Rows | None = None
) -> tuple[Embeddings, Embeddings]:
    """Draw what is told of pictures, as in a batch, and their own embeddings, both (size, dim) float32.

    Args:
        examples: with the embeddings.
        size: pairs.
        random: gives the chances.
        rows: (size,) of the pictures; None to draw them evenly.
    """
    rows = random.integers(0, len(examples), size) if rows is None else rows
    own = examples.images[rows].astype(np.float32)
    return _told(examples, rows, own, random), own


def _told(examples: Examples, rows: Rows, own: Embeddings, random: np.random.Generator) -> Embeddings:
    """Choose what tells of each picture, (n, dim) float32 unit rows."""
    texts, there = examples.texts_of(rows, random)
    blurred = own + random.uniform(0, _BLUR, (len(rows), 1)) * random.standard_normal(own.shape)
    way = random.random(len(rows))
    by_image = (way < _IMAGE_SHARE) | ~there
    by_both = (way > 1 - _BOTH_SHARE) & there
    told = np.where(by_image[:, None], _unit(blurred), texts)
    told[by_both] = _unit(_unit(blurred[by_both]) + texts[by_both])
    return told.astype(np.float32)


def _near(
    examples: Examples, rows: Rows, own: Embeddings, count: int, random: np.random.Generator
) -> Embeddings:
    """Find the nearest others among some of the pictures, (n, count, dim)."""
    most = np.log(max(len(examples), _FEWEST_AMONG))
    among = int(np.exp(random.uniform(np.log(_FEWEST_AMONG), most)))
    pool = random.choice(len(examples), min(among, len(examples)), replace=False)
    rows_of_pool = examples.images[pool].astype(np.float32)
    scores = own @ rows_of_pool.T
    scores[pool[None] == rows[:, None]] = -2  # not itself
    best = np.argsort(-scores, axis=1)[:, :count]
    near = rows_of_pool[best]
    return np.pad(near, ((0, 0), (0, count - near.shape[1]), (0, 0)))


def _unit(rows: NDArray[np.floating]) -> Embeddings:
    unit = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-6)
    rows32: Embeddings = unit.astype(np.float32)
    return rows32
