"""Zero-shot labels: which of some words fits each picture, with calibrated probabilities.

A softmax over the cosines of the picture with the labels (Radford et al. 2021), at a temperature that was
fitted for the encoder (Guo et al. 2017; ``data/evaluation/labels.py``). Phrases for what else a picture may
show stand beside the labels, so that "none of these" is an answer too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Collection, Embeddings, Encoder, ItemNotFound, Tagging

from .encoder_thresholds import measured
from .errors import BadLabels

TEMPLATES = ("{label}", "a photo of {a_label}")

BACKGROUND = (
    *("a person", "an animal", "food", "a plant", "a building", "a landscape", "a vehicle", "furniture"),
    *("an electronic device", "a document", "text on a page", "a toy", "a tool", "sports equipment"),
    *("a musical instrument", "the sky", "water", "a room"),
)
"""What a picture may show that none of the labels names."""

_PAGE = 4_096  # pictures scored at a time
SURE = 0.5  # the least probability of a label that is stored as a tag


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelProbability:
    """One label of one item.

    Attributes:
        label: as it was given.
        probability: that the label fits best.
    """

    label: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledItem:
    """The labels of one item.

    Attributes:
        item_id: the item.
        labels: all that were given, the likeliest first, equal ones in the order given.
        none: probability that none of them fits; with those of the labels, it sums to 1.
    """

    item_id: int
    labels: tuple[LabelProbability, ...]
    none: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """The labels of some items.

    Attributes:
        items: in the order asked for.
        model: name of the encoder.
        is_calibrated: the temperature was fitted for this encoder; otherwise the order of the labels is
            right, but the probabilities are too bold or too timid.
    """

    items: tuple[LabelledItem, ...]
    model: str
    is_calibrated: bool


def label_items(
    collection: Collection,
    encoder: Encoder,
    labels: Sequence[str],
    ids: Sequence[int] | None = None,
    *,
    none: bool = True,
) -> Labelling:
    """Label items by their pictures; an item without one, by its text, for which nothing was calibrated.

    Args:
        collection: where the items are.
        encoder: the collection's.
        labels: at least one with ``none``, else two; plain words, such as ``handbag``.
        ids: the items; None for all.
        none: whether none of the labels may fit.

    Raises:
        BadLabels: there are too few, one is blank, or two are the same.
        ItemNotFound: an id is not in the collection.
        EncoderMismatch, EncoderDrift: the encoder is not the collection's.
    """
    given = _checked(labels, none)
    collection.verify(encoder, ["text"])
    known = measured(collection.spec)
    classes = class_embeddings(encoder, given)
    if none:
        classes = np.concatenate([classes, encoder.encode_texts(BACKGROUND)])
    wanted = [entry.id for entry in collection.store.walk()] if ids is None else list(ids)
    items: list[LabelledItem] = []
    for start in range(0, len(wanted), _PAGE):
        page = wanted[start : start + _PAGE]
        chances = probabilities(_embeddings(collection, page), classes, known.label_scale)
        items += [_labelled(item_id, given, row) for item_id, row in zip(page, chances, strict=True)]
    return Labelling(items=tuple(items), model=collection.spec.name, is_calibrated=known.is_measured)


def store_labels(collection: Collection, labelling: Labelling, *, at_least: float = SURE) -> int:
    """Store each item's likeliest label as a tag, with the model as its source, if it is likely enough.

    Args:
        collection: where the items are.
        labelling: of some of its items.
        at_least: the least probability.

    Returns:
        How many items were tagged.

    Raises:
        CollectionBusy: another process is writing.
        BadTag: a label cannot be a tag, being too long.
    """
    taggings = [
        Tagging(item_id=item.item_id, tag=best.label, source=labelling.model, probability=best.probability)
        for item in labelling.items
        for best in item.labels[:1]
        if best.probability >= at_least
    ]
    with collection.writing():
        return collection.store.add_tags(taggings)


def class_embeddings(encoder: Encoder, labels: Sequence[str]) -> Embeddings:
    """Embed labels: the mean over the templates, (n, dim) float32 of length 1."""
    texts = [
        template.format(label=label, a_label=with_article(label))
        for template in TEMPLATES
        for label in labels
    ]
    rows = encoder.encode_texts(texts).reshape(len(TEMPLATES), len(labels), -1).sum(axis=0)
    unit: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def probabilities(rows: Embeddings, classes: Embeddings, scale: float) -> NDArray[np.float64]:
    """Give the softmax over classes, (n, classes) float64.

    Args:
        rows: (n, dim) float32 of length 1.
        classes: (classes, dim) float32 of length 1.
        scale: what cosines are multiplied by.
    """
    logits = scale * (rows @ classes.T).astype(np.float64)
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = found / found.sum(axis=1, keepdims=True)
    return shares


def with_article(label: str) -> str:
    """Put ``a`` or ``an`` before a label that seems to need it."""
    first = label.split(" ")[0].lower()
    if first in ("a", "an", "the", "some", "two", "three") or (
        label.endswith("s") and not label.endswith("ss")
    ):
        return label
    return f"an {label}" if label[:1].lower() in "aeiou" else f"a {label}"


def _checked(labels: Sequence[str], none: bool) -> tuple[str, ...]:
    given = tuple(" ".join(label.split()) for label in labels)
    if len(given) < (1 if none else 2):
        raise BadLabels(given, "there are too few")
    if not all(given):
        raise BadLabels(given, "one of them is blank")
    if len({label.lower() for label in given}) < len(given):
        raise BadLabels(given, "two of them are the same")
    return given


def _embeddings(collection: Collection, ids: Sequence[int]) -> Embeddings:
    """Fetch the embedding of each item's picture, or of its text, (n, dim) in the order of ids."""
    items = {item.id: item for item in collection.store.items(ids)}
    rows = np.empty((len(ids), collection.spec.dim), np.float32)
    for item_id in ids:
        if item_id not in items or not items[item_id].kinds:
            raise ItemNotFound(str(item_id))
    for kind in ("image", "text"):
        places = [place for place, item_id in enumerate(ids) if items[item_id].kinds[0] == kind]
        rows[places] = collection.embeddings(kind, np.array([ids[place] for place in places], np.int64))
    return rows


def _labelled(item_id: int, labels: Sequence[str], row: NDArray[np.float64]) -> LabelledItem:
    own = row[: len(labels)]
    order = np.argsort(-own, kind="stable").tolist()
    return LabelledItem(
        item_id=item_id,
        labels=tuple(LabelProbability(label=labels[i], probability=float(own[i])) for i in order),
        none=float(row[len(labels) :].sum()),
    )
