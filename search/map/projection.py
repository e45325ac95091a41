"""Embeddings as points on a plane, so that a person can look at a whole collection at once.

What is alike lies together (t-SNE, van der Maaten and Hinton 2008), and how the groups lie to each other
follows the two strongest principal components, from which it starts (Kobak and Berens 2019). Of a large
collection only a sample is laid out; all others are placed between those of the sample that they are most
like.

Measured with ``python benchmarks/map_quality.py --embeddings`` on 10,000 pictures (features of an
EfficientNet-Lite2, 256 principal components; photographs, clothes and products), one thread: 3,000 landmarks
take 16 s of processor time and 0.5 GB, and reach a trustworthiness (scikit-learn's, by cosine, over 10
neighbours, on 3,000 of them) of 0.955; 5,000 take 34 s and reach 0.957; all laid out take 75 s and reach
0.963. The two strongest principal components alone have 0.840, and placing what is no landmark in the plain
middle of its neighbours had 0.920 with 5,000.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer import Embeddings

from ..errors import SurveyStopped

Points = NDArray[np.float32]
"""(n, 2) float32, the largest coordinate of all being 1."""

Scores = NDArray[np.float32]

OnStep = Callable[[str, float], bool]
"""Called with what is being done and the share that is done; False stops it."""

LANDMARKS = 3_000
"""How many items are laid out; the time grows with this, the others are placed in a second or two."""

_COMPONENTS = 50
_PERPLEXITY = 30.0
_ROUNDS = 750
_NEIGHBOURS = 5
_SHARPNESS = 4  # of the weights by which neighbours draw a point to them
_REACH = 0.05  # of the plane's half width: neighbours further from the nearest one do not count
_BLOCK = 2_048  # rows compared with the landmarks at a time


def project(
    rows: Embeddings, *, landmarks: int = LANDMARKS, seed: int = 0, on_step: OnStep | None = None
) -> Points:
    """Lay embeddings out on a plane; the same ones with the same seed lie the same.

    Args:
        rows: (n, dim) float32 of length 1.
        landmarks: how many of them, at most, are laid out by t-SNE.
        seed: of the sample.
        on_step: hears how far it is.

    Returns:
        (n, 2) float32.

    Raises:
        SurveyStopped: ``on_step`` said so.
        ValueError: less than two landmarks are wanted.
    """
    if landmarks < 2:
        raise ValueError(f"a layout needs at least 2 landmarks, not {landmarks}")
    chosen = np.arange(len(rows))
    if len(rows) > landmarks:
        chosen = np.sort(np.random.default_rng(seed).choice(len(rows), landmarks, replace=False))
    _tell(on_step, "Laying out the map", 0.05)
    laid = _scaled(_layout(rows[chosen], seed))
    if len(chosen) == len(rows):
        return laid
    _tell(on_step, "Placing the other items", 0.8)
    points = place(rows[chosen], laid, rows)
    points[chosen] = laid
    return points


def place(known: Embeddings, points: Points, rows: Embeddings) -> Points:
    """Place embeddings on a plane where others lie already, each between those that it is most like.

    Args:
        known: (m, dim) float32 of length 1, m > 0.
        points: (m, 2), where they lie.
        rows: (n, dim) float32 of length 1, what is to be placed.

    Returns:
        (n, 2) float32.
    """
    placed = np.zeros((len(rows), 2), np.float32)
    for start in range(0, len(rows), _BLOCK):
        scores = rows[start : start + _BLOCK] @ known.T  # (b, m)
        placed[start : start + _BLOCK] = _between(scores, points)
    return placed


def _between(scores: Scores, points: Points) -> Points:
    """Average the places of the best of each row, but of those alone that lie near the very best.

    Where neighbours lie in different groups, their middle lies in none: there the nearest one decides.
    """
    k = min(_NEIGHBOURS, scores.shape[1])
    nearest = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    near = np.take_along_axis(scores, nearest, axis=1)  # (b, k)
    first = np.take_along_axis(nearest, near.argmax(axis=1, keepdims=True), axis=1)  # (b, 1)
    gaps = np.maximum(1 - near, 1e-6)  # 0 for the same picture
    weights = (gaps.min(axis=1, keepdims=True) / gaps) ** _SHARPNESS
    away = np.linalg.norm(points[nearest] - points[first], axis=2)
    weights = np.where(away <= _REACH, weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    middle: Points = (weights[:, :, None] * points[nearest]).sum(axis=1)
    return middle


def principal(rows: Embeddings, components: int) -> Embeddings:
    """Give the coordinates of rows along their strongest principal components, (n, components) float32.

    The sign of each is such that its largest loading is positive, so that the same rows lie the same.
    """
    centred = (rows - rows.mean(axis=0)).astype(np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :components]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    found: Embeddings = (centred @ (axes * np.sign(largest))).astype(np.float32)
    return found


def _layout(rows: Embeddings, seed: int) -> Points:
    if len(rows) < 3:
        return np.array([[-1.0, 0.0], [1.0, 0.0]], np.float32)[: len(rows)]
    reduced = principal(rows, min(_COMPONENTS, rows.shape[1]))
    start = np.zeros((len(rows), 2), np.float32)
    start[:, : reduced.shape[1]] = reduced[:, :2]
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
    from sklearn.manifold import TSNE  # takes a second to import

    made: Any = TSNE(
        n_components=2,
        perplexity=min(_PERPLEXITY, (len(rows) - 1) / 3),
        init=start,
        max_iter=_ROUNDS,
        random_state=seed,
    ).fit_transform(reduced)
    return np.asarray(made, np.float32)


def _scaled(points: Points) -> Points:
    if len(points) == 0:
        return points
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    largest = np.abs(points - middle).max()
    scaled: Points = (points - middle) / max(float(largest), 1e-12)
    return scaled


def _tell(on_step: OnStep | None, doing: str, share: float) -> None:
    if on_step is not None and not on_step(doing, share):
        raise SurveyStopped(doing)
