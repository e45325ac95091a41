"""Orders of hits other than the ranking: by an attribute, or so that the first ones differ."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np

from indexer import Embeddings, Ids, number_of

Value = str | int | float | bool | date | None
"""The value of an attribute; None where an item lacks it."""

_ISO_DATE = re.compile(r"\d{4}-\d\d(-\d\d([T ].*)?)?")


def order_by(values: Sequence[Value], *, descending: bool = False) -> list[int]:
    """Order hits by an attribute; equal values keep their order, and missing ones come last both ways.

    Numbers come before dates and dates before other texts, which are compared without regard to case. A text
    is a number if it reads like one to a filter, such as a price (``1,299.00``, ``9,90``, ``€79``), a date if
    it is written as ISO 8601 with dashes (``2024-01`` is its first day); one without a time zone is taken
    as UTC. None, a blank text and NaN are missing.

    Args:
        values: (n,) of the hits, in ranking order.
        descending: the greatest first, and so texts before dates before numbers.

    Returns:
        The positions of the hits in their new order.
    """
    keys = [(_key(value), position) for position, value in enumerate(values)]
    known = [(key, position) for key, position in keys if key is not None]
    known.sort(key=lambda entry: entry[0], reverse=descending)  # stable in both directions
    return [position for _, position in known] + [position for key, position in keys if key is None]


def _key(value: Value) -> tuple[int, float, str] | None:
    """Give what values are compared by; None for a missing one."""
    if isinstance(value, date):  # and datetime
        return (1, _seconds(value), "")
    if isinstance(value, str):
        return _text_key(value.strip())
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return (0, value, "")


def _text_key(text: str) -> tuple[int, float, str] | None:
    if not text:
        return None
    if _ISO_DATE.fullmatch(text):
        try:
            return (1, _seconds(datetime.fromisoformat(text if len(text) > 7 else f"{text}-01")), "")
        except (ValueError, OverflowError):
            pass  # no such day
    number = number_of(text)
    return (2, 0.0, text.casefold()) if number is None else (0, number, "")


def _seconds(moment: date) -> float:
    """Count seconds since 1970, UTC."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (known - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def diversify(scores: Embeddings, embeddings: Embeddings, *, weight: float) -> Ids:
    """Reorder candidates by maximal marginal relevance (Carbonell & Goldstein 1998).

    The best candidate comes first; each next one has the highest ``(1 - weight) * score - weight * s``, where
    s is its greatest cosine with those before it. Equal values keep their order. The new order depends on
    which candidates there are, so pages of one answer need the same ones: choose their number once.

    Args:
        scores: (n,) float, best first; probabilities, or any relevance on about the scale of cosines.
        embeddings: (n, dim) float32, rows of length 1 in the same order.
        weight: 0 keeps the order; 1 looks at the differences alone.

    Returns:
        (n,) int64, the positions of the candidates in their new order.

    Raises:
        ValueError: the weight is not within 0 and 1, the lengths differ, or the scores are not best first.
    """
    _check(scores, embeddings, weight)
    count = len(scores)
    if weight == 0 or count < 2:
        return np.arange(count, dtype=np.int64)
    relevance = (1 - weight) * np.asarray(scores, np.float64)
    rows = np.ascontiguousarray(embeddings, np.float32)
    order = np.zeros(count, np.int64)
    alike = np.full(count, -np.inf, np.float32)  # with the most similar one that was taken
    for place in range(1, count):
        relevance[order[place - 1]] = -np.inf  # taken
        # one dot product a pair, so that equal rows tie to the last bit; and without threads to wait for
        np.maximum(alike, np.vecdot(rows, rows[order[place - 1]]), out=alike)
        order[place] = np.argmax(relevance - weight * alike.astype(np.float64))  # the first of equals
    return order


def _check(scores: Embeddings, embeddings: Embeddings, weight: float) -> None:
    if not 0 <= weight <= 1:
        raise ValueError(f"the weight of diversity must be within 0 and 1, not {weight}")
    if scores.ndim != 1 or embeddings.ndim != 2 or len(scores) != len(embeddings):
        raise ValueError(f"{len(scores)} scores and {len(embeddings)} embeddings do not match")
    if not np.isfinite(scores).all() or (np.diff(scores) > 0).any():
        raise ValueError("the scores must be finite and best first")
