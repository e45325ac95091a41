"""From a query to ranked hits with a verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from indexer import Collection, Encoder

from .query.embed import QueryEmbedder
from .query.fetch import DEFAULT_LIMITS, FetchLimits
from .query.query import Query
from .ranking.answer import Answer
from .results import Results
from .verdict.calibration import Calibration

Calibrated = Callable[[Collection, Encoder], Calibration | None]
"""Finds the calibration of a collection, at the first query."""


class Searcher:
    """Answers queries over one collection with its encoder. Safe to use from several threads.

    Args:
        collection: what is searched.
        encoder: the collection's.
        calibrated: finds the calibration when the first query comes; None for scores alone.
        limits: what fetching a picture by its URL may do.

    Attributes:
        collection: what is searched.
    """

    def __init__(
        self,
        collection: Collection,
        encoder: Encoder,
        *,
        calibrated: Calibrated | None = None,
        limits: FetchLimits = DEFAULT_LIMITS,
    ) -> None:
        self.collection = collection
        self.encoder = encoder
        self.embedder = QueryEmbedder(collection, encoder, limits=limits)
        self._finds = self._find = calibrated
        self._found: Calibration | None = None
        self._lock = threading.Lock()

    def calibration(self) -> Calibration | None:
        """Give the calibration, found once; None if there is none."""
        with self._lock:
            if self._find is not None:
                self._found, self._find = self._find(self.collection, self.encoder), None
            return self._found

    def recalibrate(self) -> None:
        """Find the calibration anew when it is next needed: another one was kept."""
        with self._lock:
            self._find = self._finds

    def search(self, query: Query) -> Results:
        """Answer a query.

        Raises:
            EmptyQuery: the terms cancel each other out.
            BadQuery: a term does not fit this collection.
            FetchFailed: a picture cannot be had from its URL.
            ItemNotFound: a term names an item that is not here.
            UnreadableImage: a term's picture cannot be read.
            EncoderMismatch: the encoder is not the collection's.
            EncoderDrift: the encoder has changed.
        """
        started = time.perf_counter()
        embedded = self.embedder.embed(query)
        encoded = time.perf_counter()
        calibration = self.calibration()  # may be made and written now, and so not within the snapshot
        with self.collection.snapshot():
            answer = Answer(self.collection, query, embedded, calibration)
            hits = answer.hits()
            return Results(
                query=query,
                hits=hits,
                considered=answer.considered,
                took_ms=round((time.perf_counter() - started) * 1e3, 3),
                encoding_ms=round((encoded - started) * 1e3, 3),
                judgement=answer.judgement,
                warnings=answer.warnings(),
                embedding=embedded.embedding,
                kind=embedded.kind,
            )
