"""Indexes on the server that holds a collection: nothing is kept in this process."""

from __future__ import annotations

from contextlib import nullcontext

from ..items import KINDS, Kind
from ..storage.postgres import PostgresDatabase
from ..storage.store import Store
from .base import Indexes, Standing
from .manifest import Files
from .pgvector import GRAPH_FROM, PgvectorIndex, has_graph, make_graph


class ServerIndexes(Indexes):
    """Indexes that the server keeps in the same transaction as the rows, for all that search and write.

    Args:
        database: of the collection.
        store: of the collection.
        dim: width of its embeddings.
    """

    def __init__(self, database: PostgresDatabase, store: Store, dim: int) -> None:
        super().__init__(store, dim, nullcontext())
        self._db = database

    def drift(self, kind: Kind) -> float | None:
        """Give None: a graph takes in every change as it comes."""
        return None

    def save(self) -> None:
        """Make the graphs that are worth it by now; the server keeps them up from then on."""
        for kind in KINDS:
            if self._store.count(kind) < GRAPH_FROM:
                continue
            with self._db.building() as connection:
                if connection is not None:  # else another process is at it
                    make_graph(connection, kind, self._dim)

    def replace(self, files: Files) -> None:
        """Refuse: there are no files to replace."""
        raise NotImplementedError("the indexes of a collection on a server are not files")

    def _catalogue(self) -> Standing:
        return self._remade(self._index)

    def _index(self, kind: Kind, _change: int) -> PgvectorIndex:
        with self._db.reading() as connection:
            graph = has_graph(connection, kind)
        count = self._store.count(kind)
        return PgvectorIndex(self._db.reading, kind, self._dim, graph=graph, count=count)
