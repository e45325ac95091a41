"""What a collection gives a generator to learn from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np
from PIL import Image

from indexer import Collection, Embeddings, Encoder, Item

from ..errors import TooFewToTrain
from .examples import Examples
from .resize import squared

LEAST_PICTURES = 100
"""Pictures that training needs."""

SIDE = 64
"""Pixels of the pictures that the small generator makes."""

_CHUNK = 500
_LONGEST_TITLE, _LONGEST_VALUE = 15, 3  # words of what may tell of a picture
_VALUES = 4  # attributes, in the table's order, that are put together


def collect_examples(
    collection: Collection,
    encoder: Encoder,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Examples:
    """Read a collection's pictures, and embed phrases made of their titles and attributes.

    Only what was imported counts: a generator that learns from generated pictures gets worse with each round.

    Args:
        collection: with at least 100 pictures.
        encoder: the collection's; used only if there are titles or attributes.
        on_progress: called with how many pictures are read, and of how many.

    Raises:
        TooFewToTrain: there are fewer pictures.
    """
    index: dict[str, int] = {}
    pixels, rows, phrases, starts = [], [], [], [0]
    total = collection.count("image")
    for item in _pictures(collection):
        data = collection.store.thumbnail(item.id)
        if data is None:
            continue
        with Image.open(io.BytesIO(data)) as picture:
            pixels.append(np.asarray(squared(picture.convert("RGB"), SIDE)))
        rows.append(item.id)
        phrases += [index.setdefault(phrase, len(index)) for phrase in phrases_of(item)]
        starts.append(len(phrases))
        if on_progress is not None:
            on_progress(len(pixels), total)
    if len(pixels) < LEAST_PICTURES:
        raise TooFewToTrain(len(pixels), LEAST_PICTURES)
    return Examples(
        pixels=np.stack(pixels),
        images=collection.embeddings("image", np.array(rows, np.int64)).astype(np.float16),
        texts=_embedded(encoder, list(index), collection.spec.dim),
        phrases=np.array(phrases, np.int64),
        starts=np.array(starts, np.int64),
    )


def phrases_of(item: Item) -> list[str]:
    """Say what a picture shows, in several ways: its title, its attributes, and pairs of them."""
    found = [item.title] if item.title and len(item.title.split()) <= _LONGEST_TITLE else []
    values = [
        value.strip()
        for value in item.attributes.values()
        if isinstance(value, str) and value.strip() and len(value.split()) <= _LONGEST_VALUE
    ][:_VALUES]
    found += [value for value in values if not value.isdecimal()]
    found += [f"{first} {second}" for first, second in permutations(values, 2)]
    return list(dict.fromkeys(found))


def _pictures(collection: Collection) -> Iterator[Item]:
    """Go through the imported items that have a picture, by ascending id."""
    ids = [known.id for known in collection.store.walk() if known.image_sha256]
    for start in range(0, len(ids), _CHUNK):
        for item in collection.store.items(ids[start : start + _CHUNK]):
            if item.origin == "imported" and "image" in item.kinds:
                yield item


def _embedded(encoder: Encoder, phrases: list[str], dim: int) -> Embeddings:
    chunks = [encoder.encode_texts(phrases[i : i + _CHUNK]) for i in range(0, len(phrases), _CHUNK)]
    return np.concatenate(chunks).astype(np.float16) if chunks else np.empty((0, dim), np.float16)
