"""The calibration of a collection: its own, that shipped with its model, or one made from what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from indexer import Collection, Embeddings, Encoder, Ids, Kind, StorageFailure

from ..errors import CalibrationUnusable, TooFewToCalibrate
from .calibration import Calibration
from .fit import choose_bars, fit_models
from .leave_one_out import Observation, Sought, observe
from .phrase_bank import PHRASES
from .signals import Bank, Null

OWN_FILE = "calibration.safetensors"
LEAST_ITEMS = 60
"""Items that a calibration of a collection's own needs."""

_MOST_SOUGHT = 400  # queries of each kind
_SHIPPED = Path(__file__).parents[1] / "calibrations"
_SAME = 0.95  # cosine of two texts that say the same
_UNSURE = 2.5  # deviations above the mean cosine of two texts: may say the same
_CLEAR, _MAYBE = 0.5, 1.5  # how a phrase must stand out to be what a picture shows; from where it may be


def find_calibration(collection: Collection, encoder: Encoder) -> Calibration | None:
    """Find the calibration of a collection; make one from its pictures and texts if its model has none.

    Args:
        collection: whose model and items count.
        encoder: the collection's; used only where a calibration must be made.

    Returns:
        The collection's own calibration, else the one shipped with its model, else an approximate one, which
        is kept; None if the collection holds too little for that.
    """
    known = own_calibration(collection) or shipped_calibration(collection.spec.weights_sha256)
    if known is not None:
        return known
    try:
        made = calibrate_collection(collection, encoder)
    except TooFewToCalibrate:
        return None
    with suppress(StorageFailure):  # the next process makes it again
        keep_calibration(collection, made)
    return made


def own_calibration(collection: Collection) -> Calibration | None:
    """Read the calibration that was made for a collection; None if there is none that fits its model."""
    path = collection.file(OWN_FILE)
    if not path.is_file():
        return None
    try:
        found = Calibration.load(path)
    except CalibrationUnusable:
        return None  # it is only a cache: made again from the items
    return found if found.weights_sha256 == collection.spec.weights_sha256 else None


@lru_cache(maxsize=4)
def shipped_calibration(weights_sha256: str) -> Calibration | None:
    """Read the calibration that comes with findmake for a model; None if there is none.

    Raises:
        CalibrationUnusable: the file is damaged.
    """
    path = _SHIPPED / f"{weights_sha256[:16]}.safetensors"
    if not path.is_file():
        return None
    found = Calibration.load(path)
    return found if found.weights_sha256 == weights_sha256 else None


def keep_calibration(collection: Collection, calibration: Calibration) -> None:
    """Write a collection's own calibration; all of it or nothing.

    Raises:
        StorageFailure: the disk is full or the folder read-only.
    """
    path = collection.folder / OWN_FILE
    fresh = path.with_suffix(".new")
    try:
        calibration.save(fresh)
        fresh.replace(path)
        collection.keep_file(OWN_FILE)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageFailure(collection.folder, reason) from error


def calibrate_collection(collection: Collection, encoder: Encoder) -> Calibration:
    """Fit a calibration to a collection.

    Titles, captions and texts say what answers what: a query made of one must find its item, and must not
    find it when it was taken out. Without texts, the bank's phrases stand in for queries, and a picture that
    one of them describes clearly best is taken for its answer: a guess, and marked as one.

    Args:
        collection: with at least 60 items.
        encoder: the collection's.

    Raises:
        TooFewToCalibrate: there are too few items, or too few that can be told apart.
    """
    observations, bank, guessed = observe_collection(collection, encoder)
    try:
        fitted = fit_models(observations)
    except ValueError as error:
        count = len(collection.store.real())
        raise TooFewToCalibrate(count, LEAST_ITEMS, "too few can be told apart") from error
    present = np.array([one.present for one in observations])
    coverage = [fitted.coverage[one.asked, one.kind].probability(one.coverage) for one in observations]
    what = "phrases that describe its pictures" if guessed else "its own titles and captions"
    return Calibration(
        weights_sha256=collection.spec.weights_sha256,
        bank=bank,
        hits=fitted.hits,
        shares=fitted.shares,
        coverage=fitted.coverage,
        order=fitted.order,
        bars=choose_bars(np.array(coverage, np.float32), present),
        approximate=guessed,
        source=f"this collection, by {what}",
    )


def observe_collection(
    collection: Collection, encoder: Encoder, bank: Bank | None = None
) -> tuple[list[Observation], Bank, bool]:
    """Observe episodes on a collection.

    Args:
        collection: with at least 60 items.
        encoder: the collection's.
        bank: what signals compare with; None to make one from the collection.

    Returns:
        The observations, the bank, and whether answers were guessed.

    Raises:
        TooFewToCalibrate: there are too few items.
    """
    count = len(collection.store.real())
    if count < LEAST_ITEMS:
        raise TooFewToCalibrate(count, LEAST_ITEMS)
    phrases = encoder.encode_texts(PHRASES)
    image_ids, images = _stored(collection, "image")
    text_ids, texts = _stored(collection, "text")
    nulls: dict[Kind, Null] = {
        "image": Null.of(images if len(images) >= LEAST_ITEMS else phrases),
        "text": Null.of(np.concatenate([phrases, texts]) if len(texts) else phrases),
    }
    bank = bank or Bank.of(phrases, nulls)
    seen: list[Observation] = []
    guessed = len(text_ids) < LEAST_ITEMS
    if not guessed:
        seen += observe(bank, "text", texts, _among_texts(texts))
        seen += observe(bank, "image", images, _by_texts(image_ids, text_ids, texts))
        seen += observe(bank, "image", images, _by_pictures(image_ids, images, text_ids, texts))
    if not any(one.kind == "image" for one in seen) and len(images) >= LEAST_ITEMS:
        guessed = True
        seen += observe(bank, "image", images, _by_phrases(bank, images))
    return seen, bank, guessed


def _stored(collection: Collection, kind: Kind) -> tuple[Ids, Embeddings]:
    """Read ids (n,) and embeddings (n, dim) of one kind, but not of what a model made."""
    ids, rows = collection.store.embeddings(kind)
    real = ~np.isin(ids, collection.store.tally().made_and_there)
    return ids[real], rows[real]


def _alike(texts: Embeddings, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Tell which texts say the same as one, and which may."""
    scores = texts @ texts[row]
    same = scores >= _SAME
    return same, (scores >= min(scores.mean() + _UNSURE * scores.std(), _SAME)) & ~same


def _chosen(count: int) -> list[int]:
    return [int(row) for row in np.random.default_rng(0).permutation(count)[:_MOST_SOUGHT]]


def _among_texts(texts: Embeddings) -> Iterator[Sought]:
    """Ask by texts for other texts that say the same; a text has its own words' answer in itself."""
    for row in _chosen(len(texts)):
        same, unsure = _alike(texts, row)
        yield Sought(concept=str(row), asked="text", query=texts[row], answers=same, unsure=unsure)


def _on_pictures(image_ids: Ids, text_ids: Ids, marked: np.ndarray) -> np.ndarray:
    """Carry marks from texts over to the pictures of the same items."""
    return np.isin(image_ids, text_ids[marked])


def _by_texts(image_ids: Ids, text_ids: Ids, texts: Embeddings) -> Iterator[Sought]:
    """Ask by an item's text for its picture."""
    for row in _chosen(len(texts)):
        same, unsure = _alike(texts, row)
        answers = _on_pictures(image_ids, text_ids, same)
        doubt = _on_pictures(image_ids, text_ids, unsure)
        yield Sought(concept=str(row), asked="text", query=texts[row], answers=answers, unsure=doubt)


def _by_pictures(image_ids: Ids, images: Embeddings, text_ids: Ids, texts: Embeddings) -> Iterator[Sought]:
    """Ask by an item's picture for the pictures of items whose texts say the same."""
    place = {item_id: row for row, item_id in enumerate(image_ids.tolist())}
    for row in _chosen(len(texts)):
        item_id = int(text_ids[row])
        if item_id in place:
            same, unsure = _alike(texts, row)
            itself = image_ids == item_id
            answers = _on_pictures(image_ids, text_ids, same) & ~itself
            doubt = _on_pictures(image_ids, text_ids, unsure) | itself
            query = images[place[item_id]]
            yield Sought(concept=str(row), asked="image", query=query, answers=answers, unsure=doubt)


def _by_phrases(bank: Bank, images: Embeddings) -> Iterator[Sought]:
    """Ask by phrases for the pictures that they describe better than all others do."""
    level, deviation = bank.levels["image"]
    described = (images @ bank.phrases.T - level) / deviation  # (n, p)
    best = described.argmax(axis=1)
    second = np.partition(described, -2, axis=1)[:, -2]
    clear = described.max(axis=1) - second >= _CLEAR
    for number in np.unique(best[clear])[:_MOST_SOUGHT].tolist():
        answers = clear & (best == number)
        unsure = (described[:, number] >= _MAYBE) & ~answers
        query = bank.phrases[number]
        yield Sought(concept=str(number), asked="phrase", query=query, answers=answers, unsure=unsure)
