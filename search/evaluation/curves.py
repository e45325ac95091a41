"""Curves of how good search and its verdicts are on a person's own collection, to be drawn."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Collection, Encoder

from ..errors import TooFewToCalibrate
from ..verdict.calibrate import observe_collection, shipped_calibration
from ..verdict.calibration import Models
from ..verdict.fit import fit_models
from ..verdict.leave_one_out import Observation
from .retrieval_metrics import best_ranks, recall_at
from .subjects import read_collection
from .verdict_metrics import Bin, auroc, calibration_error, false_accepts, reliability_table

RECALLED_AT = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50)
_BINS = 10
_MOST_POINTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallCurve:
    """How often a text finds its own picture among the first k.

    Attributes:
        words: which texts were asked, such as ``captions and titles``.
        texts: how many.
        pictures: among how many.
        points: (k, share of texts) with rising k.
    """

    words: str
    texts: int
    pictures: int
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCurves:
    """How well coverage tells what is there from what was taken out.

    Attributes:
        judged: which calibration, in words.
        guessed: no texts say what answers what, so that answers were guessed.
        queries: how many askings, with and without an answer.
        reliability: coverage against how often there was an answer.
        error: expected calibration error.
        roc: (false accepts, recall) of coverage, from (0, 0) to (1, 1).
        score_roc: the same of the bare score of the best hit.
        area: under ``roc``.
        score_area: under ``score_roc``.
        accepts: share of askings without answer that are accepted where 95 % of those with one are.
    """

    judged: str
    guessed: bool
    queries: int
    reliability: tuple[Bin, ...]
    error: float
    roc: tuple[tuple[float, float], ...]
    score_roc: tuple[tuple[float, float], ...]
    area: float
    score_area: float
    accepts: float


def recall_curves(collection: Collection, encoder: Encoder) -> tuple[RecallCurve, ...]:
    """Measure how often the texts of a collection find their own pictures; none where too few have any.

    Args:
        collection: generated items are left out.
        encoder: the collection's.

    Raises:
        EncoderMismatch: the encoder is not the collection's.
        EncoderDrift: the encoder has changed.
    """
    collection.verify(encoder)
    curves = []
    for group in read_collection(collection, encoder).captioned:
        pairs = np.unique(group.pairs, axis=0)
        asked, position = np.unique(pairs[:, 0], return_inverse=True)
        answers = np.stack([position, pairs[:, 1]], axis=1)
        ranks = best_ranks(group.texts[asked], group.pictures, answers)
        points = tuple((k, recall_at(ranks, k)) for k in RECALLED_AT if k < len(group.pictures))
        curve = RecallCurve(words=group.group, texts=len(asked), pictures=len(group.pictures), points=points)
        curves.append(curve)
    return tuple(curves)


def verdict_curves(collection: Collection, encoder: Encoder) -> VerdictCurves:
    """Judge verdicts by leave-concept-out: each query is asked with its answers there, and taken out.

    Judged is the calibration that was shipped with the model. Where there is none, models are fitted on one
    half of the concepts and judged on the other, both ways: one that was fitted on what it is judged by would
    look better than it is.

    Args:
        collection: with at least 60 items.
        encoder: the collection's.

    Raises:
        TooFewToCalibrate: there are too few items, or too few that can be told apart.
    """
    shipped = shipped_calibration(collection.spec.weights_sha256)
    seen, _, guessed = observe_collection(collection, encoder, shipped.bank if shipped else None)
    present = np.array([one.present for one in seen], bool)
    if len(seen) == 0 or present.all() or not present.any():
        raise TooFewToCalibrate(len(collection), len(collection), "none can be taken out for a test")
    if shipped is not None:
        coverage, judged = _coverage(shipped.coverage, seen), "the calibration that came with the model"
    else:
        coverage = _held_out(seen, len(collection))
        judged = "a calibration fitted on one half of the collection and judged on the other"
    scores = np.array([one.first_score for one in seen], np.float64)
    return VerdictCurves(
        judged=judged,
        guessed=guessed,
        queries=len(seen),
        reliability=reliability_table(coverage, present, bins=_BINS),
        error=calibration_error(coverage, present, bins=_BINS),
        roc=roc_points(coverage, present),
        score_roc=roc_points(scores, present),
        area=auroc(coverage, present),
        score_area=auroc(scores, present),
        accepts=false_accepts(coverage, present),
    )


def roc_points(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """Give the points (false accepts, recall) of every cutoff, at most about 200 of them.

    Args:
        scores: (n,) higher means more likely positive.
        positive: (n,) bool, some of each.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # equal scores go together
    right = np.cumsum(positive[order])[last] / positive.sum()
    wrong = np.cumsum(~positive[order])[last] / (~positive).sum()
    step = -(-len(last) // _MOST_POINTS)
    kept = sorted({*range(0, len(last), step), len(last) - 1})
    return ((0.0, 0.0), *((float(wrong[i]), float(right[i])) for i in kept))


def _coverage(models: Models, seen: Sequence[Observation]) -> NDArray[np.float64]:
    found = [float(models[one.asked, one.kind].probability(one.coverage)) for one in seen]
    return np.array(found, np.float64)


def _held_out(seen: Sequence[Observation], count: int) -> NDArray[np.float64]:
    """Judge each half of the concepts by what was fitted on the other, (n,)."""
    half = np.array([zlib.crc32(one.concept.encode()) % 2 for one in seen])
    coverage = np.empty(len(seen), np.float64)
    for part in (0, 1):
        others = [one for one, of in zip(seen, half, strict=True) if of != part]
        judged = [one for one, of in zip(seen, half, strict=True) if of == part]
        try:
            coverage[half == part] = _coverage(fit_models(others).coverage, judged)
        except ValueError as error:
            raise TooFewToCalibrate(count, 2 * count, "too few can be told apart in one half") from error
    return coverage
