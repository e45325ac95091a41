"""From the terms of a query to one embedding, with what each term gave to it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from indexer import (
    Collection,
    DimensionMismatch,
    Embeddings,
    Encoder,
    Item,
    Kind,
    decode_image,
    encode_whole_texts,
    load_image,
)

from ..encoder_thresholds import measured
from ..errors import BadQuery, EmptyQuery
from .fetch import DEFAULT_LIMITS, FetchLimits, fetch_picture
from .paraphrase import paraphrases
from .query import Like, Picture, Query, Region, Term, Vector, Words

QueryKind = Literal["text", "image", "mixed"]
"""What a query asks with: words alone, pictures alone, or both."""

_SHORTEST_SUM = 0.05  # of the weights' total; below this the direction is mostly rounding
_CACHED_TEXTS = 1_000
_CACHED_URLS = 100
_URL_SECONDS = (
    600  # the pages of one answer belong to one picture, even if its server gives another each time
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One term of a query, embedded.

    Attributes:
        label: the term in words, fit to show.
        weight: negative to steer away.
        embedding: (dim,) float32 of length 1.
        kind: what the embedding was made from.
    """

    label: str
    weight: float
    embedding: Embeddings
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedQuery:
    """A query as one direction.

    Attributes:
        embedding: (dim,) float32 of length 1: the weighted sum of the parts, brought to length 1.
        length: of the weighted sum before.
        parts: one for each term, in the order of the query.
    """

    embedding: Embeddings
    length: float
    parts: tuple[Part, ...]

    @property
    def kind(self) -> QueryKind:
        """Say what is asked with: ``text`` if all terms sought are words, ``image`` if none is."""
        sought = [part.kind for part in self.parts if part.weight > 0] or [part.kind for part in self.parts]
        if all(kind == "text" for kind in sought):
            return "text"
        return "mixed" if "text" in sought else "image"


class QueryEmbedder:
    """Embeds queries over one collection with its encoder. Safe to use from several threads.

    Args:
        collection: whose items a query may name, and whose embedding space it is.
        encoder: the collection's.
        limits: what fetching a picture by its URL may do.
    """

    def __init__(
        self, collection: Collection, encoder: Encoder, *, limits: FetchLimits = DEFAULT_LIMITS
    ) -> None:
        self._collection = collection
        self._encoder = encoder
        self._limits = limits
        self._words = lru_cache(maxsize=_CACHED_TEXTS)(self._encode_words)
        self._url = lru_cache(maxsize=_CACHED_URLS)(self._encode_url)

    def embed(self, query: Query) -> EmbeddedQuery:
        """Embed each term, and sum them by weight.

        Raises:
            EmptyQuery: the terms cancel each other out.
            BadQuery: a region reaches over its picture's border, or is asked of an item without a picture.
            FetchFailed: a picture cannot be had from its URL.
            ItemNotFound: a term names an item that is not here.
            UnreadableImage: a term's picture cannot be read.
            DimensionMismatch: a vector is not of the collection's width.
            EncoderMismatch: the encoder is not the collection's.
            EncoderDrift: the encoder has changed.
        """
        parts = tuple(self._part(term) for term in query.terms)
        total = np.sum([part.weight * part.embedding for part in parts], axis=0)  # (dim,)
        length = float(np.linalg.norm(total))
        if length < _SHORTEST_SUM * sum(abs(part.weight) for part in parts):
            raise EmptyQuery("its terms cancel each other out")
        unit = total / length
        if len(parts) == 1:  # exactly its embedding: a division would change the last bits
            unit = np.copysign(1, parts[0].weight) * parts[0].embedding
        return EmbeddedQuery(embedding=unit.astype(np.float32), length=length, parts=parts)

    def _part(self, term: Term) -> Part:
        if isinstance(term, Like):
            return self._item(term)
        kind: Kind = "text" if isinstance(term, Words) else "image"
        if isinstance(term, Words):
            label, embedding = term.text, self._words(term.text)
        elif isinstance(term, Picture):
            label, embedding = f"{term.name}{term.region or ''}", self._picture(term)
        else:
            label, embedding, kind = term.name, self._vector(term), term.kind
        return Part(label=label, weight=term.weight, embedding=embedding, kind=kind)

    def _item(self, term: Like) -> Part:
        """Take an item's stored embedding, that of its picture if it has one; a region is encoded."""
        item = self._collection.item(term.item_id)
        label, kind = f"item:{term.item_id}{term.region or ''}", item.kinds[0]
        if term.region is None:
            row = self._collection.embeddings(kind, np.array([term.item_id]))[0]
        elif kind != "image":
            raise BadQuery(label, "this item has no picture")
        else:
            image = picture_of(self._collection, item)
            row = self._encode_image(_cut(image, (item.width, item.height), term.region, label))
        return Part(label=label, weight=term.weight, embedding=row, kind=kind)

    def _vector(self, term: Vector) -> Embeddings:
        if len(term.embedding) != self._collection.spec.dim:
            raise DimensionMismatch(self._collection.spec.dim, len(term.embedding))
        row = term.embedding.astype(np.float64)  # squares of large numbers have no place in float32
        unit: Embeddings = (row / np.linalg.norm(row)).astype(np.float32)
        return unit

    def _encode_words(self, text: str) -> Embeddings:
        self._collection.verify(self._encoder, ["text"])
        texts = paraphrases(text) if measured(self._collection.spec).paraphrases else (text,)
        rows = encode_whole_texts(self._encoder, texts)
        mean: Embeddings = rows[0] if len(rows) == 1 else rows.mean(axis=0)
        return mean if len(rows) == 1 else mean / np.linalg.norm(mean)

    def _picture(self, term: Picture) -> Embeddings:
        if term.url is not None:
            return self._url(term.url, term.region, int(time.monotonic() // _URL_SECONDS))
        side = self._collection.picture_side if term.region is None else None  # as when indexing
        if term.path is not None:
            picture = load_image(term.path, shorter_side=side)
        else:
            picture = decode_image(term.data or b"", name=term.name, shorter_side=side)
        size = (picture.width, picture.height)
        return self._encode_image(_cut(picture.image, size, term.region, f"{term.name}{term.region}"))

    def _encode_url(self, url: str, region: Region | None, _period: int) -> Embeddings:
        return self._picture(Picture(name=url, data=fetch_picture(url, limits=self._limits), region=region))

    def _encode_image(self, image: Image.Image) -> Embeddings:
        self._collection.verify(self._encoder, ["image"])
        row: Embeddings = self._encoder.encode_images([image])[0]
        return row


def picture_of(collection: Collection, item: Item) -> Image.Image:
    """Open an item's original picture; its thumbnail if the picture lies inside a table.

    Raises:
        UnreadableImage: the file is gone or cannot be read, or the item has no picture.
    """
    if item.path is not None:
        return load_image(Path(item.path)).image
    return decode_image(collection.store.thumbnail(item.id) or b"", name=item.key).image


def _cut(image: Image.Image, size: tuple[int, int], region: Region | None, label: str) -> Image.Image:
    """Cut a region out of a picture.

    Args:
        image: the picture, or a smaller copy of it.
        size: width and height of the original, in whose pixels the region may be given.
        region: None for all of it.
        label: what to call it in messages.

    Raises:
        BadQuery: the region reaches over the border.
    """
    if region is None:
        return image
    try:
        left, upper, right, lower = region.box(*size)
    except BadQuery as error:
        raise BadQuery(label, error.reason) from None
    x, y = min(round(left * image.width), image.width - 1), min(round(upper * image.height), image.height - 1)
    return image.crop((x, y, max(round(right * image.width), x + 1), max(round(lower * image.height), y + 1)))
