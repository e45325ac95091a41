"""From a query to ranked hits."""

from __future__ import annotations

import time
from dataclasses import dataclass

from indexer import Collection, Embeddings, Encoder, Item, Kind

from .embedding import QueryEmbedder
from .query import Like, Query, Term, Words
from .ranking import Spread, level, merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One item that was found.

    Attributes:
        rank: 1 for the best.
        item: the item.
        score: cosine similarity, higher is better; that of a text is brought to the scale of pictures where
            the collection holds both (see ``ranking.level``).
        matched: which of the item's embeddings matched.
        probability: calibrated probability that the item answers the query; None if not calibrated.
    """

    rank: int
    item: Item
    score: float
    matched: Kind
    probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The answer to a query.

    Attributes:
        query: what was asked.
        hits: best first.
        considered: how many items the collection holds.
        took_ms: milliseconds, of which ``encoding_ms`` in the model.
        encoding_ms: milliseconds spent in the model.
        verdict: ``match``, ``weak`` or ``no match``; None if not calibrated.
        coverage: calibrated probability that anything here answers the query; None if not calibrated.
    """

    query: Query
    hits: tuple[Hit, ...]
    considered: int
    took_ms: float
    encoding_ms: float
    verdict: str | None = None
    coverage: float | None = None


class Searcher:
    """Answers queries over one collection with its encoder. Safe to use from several threads.

    Attributes:
        collection: what is searched.
    """

    def __init__(self, collection: Collection, encoder: Encoder) -> None:
        self.collection = collection
        self._embedder = QueryEmbedder(collection, encoder)

    def search(self, query: Query) -> Results:
        """Answer a query.

        Raises:
            EmptyQuery: the terms cancel each other out.
            ItemNotFound: a term names an item that is not here.
            UnreadableImage: a term's picture cannot be read.
            EncoderMismatch: the encoder is not the collection's.
            EncoderDrift: the encoder has changed.
        """
        started = time.perf_counter()
        embedding = self._embedder.embed(query).embedding
        encoded = time.perf_counter()
        ranked = self._rank(query, embedding)[query.offset : query.offset + query.k]
        items = {item.id: item for item in self.collection.store.items([id_ for id_, _, _ in ranked])}
        hits = tuple(
            Hit(rank=query.offset + place, item=items[id_], score=score, matched=kind)
            for place, (id_, score, kind) in enumerate(ranked, 1)
            if id_ in items  # removed by another process this very moment
        )
        return Results(
            query=query,
            hits=hits,
            considered=len(self.collection),
            took_ms=round((time.perf_counter() - started) * 1e3, 3),
            encoding_ms=round((encoded - started) * 1e3, 3),
        )

    def _rank(self, query: Query, embedding: Embeddings) -> list[tuple[int, float, Kind]]:
        """Rank items by the better of their picture and their text, both on one scale.

        A query without words goes by the pictures of those items that have one: what a caption says is a
        poorer witness of what looks alike.
        """
        left_out = {term.item_id for term in query.terms if isinstance(term, Like)}
        worded = any(self._is_worded(term) for term in query.terms)
        k = query.offset + query.k + len(left_out)
        found = self.collection.search(embedding, k, captions=worded)
        images, texts = found["image"], found["text"]
        levelled = level(texts.scores, Spread.of(texts.background), Spread.of(images.background))
        merged = merge({"image": (images.scores, images.ids), "text": (levelled, texts.ids)})
        return [entry for entry in merged if entry[0] not in left_out]

    def _is_worded(self, term: Term) -> bool:
        if isinstance(term, Like):
            return "image" not in self.collection.item(term.item_id).kinds
        return isinstance(term, Words)
