"""Why a hit was found: what each term gave to its score, and where in its picture the query matches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer import Embeddings, Encoder

from .query.embed import EmbeddedQuery

HeatMap = NDArray[np.float32]
"""(h, w) float32: how much the cosine falls without each cell; the first is the left upper one."""

_WINDOW = 3  # cells that one patch covers, each way: smaller ones hide too little to matter
_GLOW = (255, 96, 0)
_STRONGEST = 0.65  # of the glow over the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one term gave to a score.

    Attributes:
        label: the term.
        value: negative if it pulled the score down.
    """

    label: str
    value: float


def contributions(embedded: EmbeddedQuery, hit: Embeddings) -> tuple[Contribution, ...]:
    """Split the score of a hit into what each term gave.

    The query is the weighted sum of its terms, so that its cosine with the hit is a sum too.

    Args:
        embedded: the query.
        hit: (dim,) float32 of length 1.

    Returns:
        One for each term, in the order of the query; the values sum to the cosine, up to rounding.
    """
    return tuple(
        Contribution(label=part.label, value=float(part.weight * (part.embedding @ hit) / embedded.length))
        for part in embedded.parts
    )


def heat_map(encoder: Encoder, image: Image.Image, embedding: Embeddings, *, cells: int = 7) -> HeatMap:
    """Show where a picture matches a query, by occlusion.

    Overlapping patches are covered one after the other with the picture's mean colour; where the cosine
    falls, the query saw something (Zeiler and Fergus 2014, https://arxiv.org/abs/1311.2901, section 4.2).
    This needs nothing but the encoder, of whatever kind it is.

    Args:
        encoder: of the collection; it encodes about ``cells`` times ``cells`` pictures.
        image: RGB.
        embedding: (dim,) float32 of length 1, of the query.
        cells: along the longer side, at least 2.

    Returns:
        The drop of the cosine for each cell, the mean over the patches that cover it.

    Raises:
        ValueError: fewer than 2 cells.
    """
    if cells < 2:
        raise ValueError(f"expected at least 2 cells, got {cells}")
    across, down = _grid(image, cells)
    corners = [(x, y) for y in range(1 - _WINDOW, down) for x in range(1 - _WINDOW, across)]
    small = _shrunk(image, encoder.spec.image_size)
    covered = [_covered(small, x, y, (across, down)) for x, y in corners]
    scores = encoder.encode_images([small, *covered]) @ embedding  # (1 + patches,)
    drops, counts = np.zeros((2, down, across))
    for (x, y), score in zip(corners, scores[1:], strict=True):
        patch = np.s_[max(y, 0) : y + _WINDOW, max(x, 0) : x + _WINDOW]
        drops[patch] += scores[0] - score
        counts[patch] += 1
    heat: HeatMap = (drops / counts).astype(np.float32)
    return heat


def overlay(image: Image.Image, heat: HeatMap) -> Image.Image:
    """Lay a heat map over its picture: the stronger the match, the stronger the glow; the rest is dimmed.

    Args:
        image: RGB; not changed.
        heat: of this picture.

    Returns:
        RGB, of the picture's size.
    """
    positive = np.clip(heat, 0, None)
    peak = float(positive.max())
    scaled = (positive / peak if peak > 0 else positive) * 255
    mask = Image.fromarray(scaled.astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
    base = Image.blend(image.convert("L").convert("RGB"), image.convert("RGB"), 0.4)
    glow = Image.blend(image.convert("RGB"), Image.new("RGB", image.size, _GLOW), _STRONGEST)
    return Image.composite(glow, base, mask)


def _grid(image: Image.Image, cells: int) -> tuple[int, int]:
    """Choose how many cells lie across and down, so that they are about square."""
    longer = max(image.size)
    across, down = (max(2, round(cells * side / longer)) for side in image.size)
    return across, down


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    """Shrink a picture to about the size the encoder looks at; each patch is resized by it once more."""
    small = image.convert("RGB")
    factor = min(small.size) // side
    return small.reduce(factor) if factor > 1 else small


def _covered(image: Image.Image, x: int, y: int, grid: tuple[int, int]) -> Image.Image:
    """Cover the cells from column x and row y on with the picture's mean colour."""
    width, height = image.width / grid[0], image.height / grid[1]
    left, upper = max(math.floor(x * width), 0), max(math.floor(y * height), 0)
    right, lower = math.ceil((x + _WINDOW) * width), math.ceil((y + _WINDOW) * height)
    mean = tuple(int(channel) for channel in np.asarray(image).mean(axis=(0, 1)).round())
    patched = image.copy()
    patched.paste(mean, (left, upper, min(right, image.width), min(lower, image.height)))
    return patched
