"""What the picture and the text of one item say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from indexer import KINDS, Ids, Kind

Probabilities = NDArray[np.float64]
"""(n,) float64 within 0 and 1, calibrated."""


def combine_max(image: Probabilities, text: Probabilities) -> Probabilities:
    """Combine what an item's picture and its text say by the greater probability.

    The first n of a ranking by it are among the first n of either kind, so lists of the n best suffice; and
    it says no more than the better witness does, which is right where both say the same thing.

    Args:
        image: (n,) calibrated probabilities that the item answers the query, by its picture; 0 without one.
        text: (n,) the same by its text.

    Returns:
        (n,) float64.

    Raises:
        ValueError: a probability is not within 0 and 1.
    """
    return np.maximum(_checked(image), _checked(text))


def combine_noisy_or(image: Probabilities, text: Probabilities) -> Probabilities:
    """Combine what an item's picture and its text say by noisy-or (Pearl 1988): 1 - (1 - p)(1 - q).

    Two weak witnesses make a stronger one, which is right only as far as they err independently; a picture
    and its caption do not quite, so the result is above the calibrated probability. It needs both of them for
    every candidate: an item may lead by it without being among the first of either kind.

    Args:
        image: (n,) calibrated probabilities that the item answers the query, by its picture; 0 without one.
        text: (n,) the same by its text.

    Returns:
        (n,) float64, at least the greater of both.

    Raises:
        ValueError: a probability is not within 0 and 1.
    """
    return np.asarray(1 - (1 - _checked(image)) * (1 - _checked(text)), np.float64)


def combine(
    found: Mapping[Kind, tuple[Probabilities, Ids]],
    how: Callable[[Probabilities, Probabilities], Probabilities],
) -> list[tuple[int, float, Kind]]:
    """Merge picture and text of each item into one entry by a combination of their probabilities.

    Args:
        found: probabilities (n,) and ids (n,) by kind, no id twice within a kind.
        how: ``combine_max`` or ``combine_noisy_or``.

    Returns:
        (id, probability, kind that matched better) of each item, best first, equal ones by smaller id; the
        picture if both match alike.
    """
    lists = [found[kind][1] for kind in KINDS if kind in found]
    ids = np.unique(np.concatenate(lists)) if lists else np.empty(0, np.int64)
    known = {kind: np.zeros(len(ids)) for kind in KINDS}
    for kind, (probabilities, of) in found.items():
        known[kind][np.searchsorted(ids, of)] = probabilities
    image, text = known["image"], known["text"]
    combined = how(image, text)
    only_text = ~np.isin(ids, found["image"][1]) if "image" in found else np.ones(len(ids), bool)
    by_text = only_text | (text > image)
    order = np.lexsort((ids, -combined))
    return [(int(ids[i]), float(combined[i]), "text" if by_text[i] else "image") for i in order]


def _checked(probabilities: Probabilities) -> Probabilities:
    values = np.asarray(probabilities, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("a probability is within 0 and 1")
    return values
