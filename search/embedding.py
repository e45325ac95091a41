"""From the terms of a query to one embedding, with what each term gave to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from indexer import Collection, Embeddings, Encoder, Kind, UnreadableImage, decode_image, load_image

from .errors import EmptyQuery
from .query import Like, Picture, Query, Term, Words

QueryKind = Literal["text", "image", "mixed"]
"""What a query asks with: words alone, pictures alone, or both."""

_SHORTEST_SUM = 0.05  # of the weights' total; below this the direction is mostly rounding
_CACHED_TEXTS = 1_000


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
    """

    def __init__(self, collection: Collection, encoder: Encoder) -> None:
        self._collection = collection
        self._encoder = encoder
        self._encode_words = lru_cache(maxsize=_CACHED_TEXTS)(self._encode_words_once)

    def embed(self, query: Query) -> EmbeddedQuery:
        """Embed each term, and sum them by weight.

        Raises:
            EmptyQuery: the terms cancel each other out.
            ItemNotFound: a term names an item that is not here.
            UnreadableImage: a term's picture cannot be read.
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
        if isinstance(term, Words):
            return Part(
                label=term.text, weight=term.weight, embedding=self._encode_words(term.text), kind="text"
            )
        if isinstance(term, Picture):
            embedding = self._encode_picture(term)
            return Part(label=term.name, weight=term.weight, embedding=embedding, kind="image")
        return self._item(term)

    def _item(self, term: Like) -> Part:
        """Take an item's stored embedding: that of its picture if it has one."""
        kind = self._collection.item(term.item_id).kinds[0]
        row = self._collection.embeddings(kind, np.array([term.item_id]))[0]
        return Part(label=f"item:{term.item_id}", weight=term.weight, embedding=row, kind=kind)

    def _encode_words_once(self, text: str) -> Embeddings:
        self._collection.verify(self._encoder, ["text"])
        row: Embeddings = self._encoder.encode_texts([text])[0]
        return row

    def _encode_picture(self, term: Picture) -> Embeddings:
        self._collection.verify(self._encoder, ["image"])
        side = self._collection.picture_side  # the same pixels as when indexing
        if term.path is not None:
            picture = load_image(term.path, shorter_side=side)
        elif term.data is not None:
            picture = decode_image(term.data, name=term.name, shorter_side=side)
        else:
            raise UnreadableImage(term.name, "it has neither a file nor data")
        row: Embeddings = self._encoder.encode_images([picture.image])[0]
        return row
