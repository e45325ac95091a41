"""Search by pgvector: embeddings in a table of the server, and HNSW over them (Malkov and Yashunin 2018)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from ..items import Embeddings, Ids, Kind, Scores
from ..storage.postgres import WIDTH
from ..storage.schema.dialects import ids_of
from ..storage.schema.halfvec import halves_of_sent, to_send
from ..storage.schema.postgres import graph_name
from ..vectors.base import best, check_query, cosine
from ..vectors.ids import ascending, isin_sorted

Reading = Callable[[], AbstractContextManager[Connection]]

# The server computes in float32, in another order; who is within this of the k-th is scored again exactly.
_ROUNDING = 1e-5
_FEW = 5_000  # so few allowed ids are compared one by one
_WIDEST = 1_000  # of ef_search
_MOST_MET = 20_000  # rows of a walk through the graph, before everything that is allowed is compared
_SPARE = 8  # more than are wanted, against rounding

_ROW = "item_id, halfvec_send(vector)"
_LISTED = "item_id = ANY (CAST(:ids AS bigint[]))"
_THERE = "item_id NOT IN (SELECT id FROM items WHERE apart)"
_BESIDE = "item_id <> ALL (ARRAY(SELECT id FROM items WHERE apart))"  # looked up once for a whole walk

_Found = Sequence[Any]  # rows of an id and an embedding as it is sent
GRAPH_FROM = 20_000
"""Embeddings of a kind from which a graph finds faster than comparing with all."""
_NEIGHBOURS, _BUILT_WITH = 16, 100
_MEMORY = "1GB"  # for building; what does not fit makes it slower, not wrong
_VALID = text(
    "SELECT indisvalid FROM pg_index WHERE indexrelid = "
    "to_regclass(quote_ident(current_schema()) || '.' || CAST(:name AS text))"
)


class PgvectorIndex:
    """Nearest neighbours among the embeddings of one kind in a collection's own table; see ``ReadableIndex``.

    Nothing is kept here: what another process writes is found at once. The server finds the candidates; their
    scores are computed by ``cosine`` from the stored numbers, as those of every other index. Rows are written
    by the store, in one transaction with their items.

    Args:
        reading: opens a snapshot, on a connection that is set to ``WALKING``.
        kind: image or text.
        dim: width of the embeddings.
        graph: whether there is a graph over them; else every embedding is compared.
        count: how many embeddings there are.
    """

    def __init__(self, reading: Reading, kind: Kind, dim: int, *, graph: bool, count: int) -> None:
        self._reading = reading
        self._dim = dim
        self._graph = graph
        self._count = count
        self._all = f"FROM embeddings WHERE kind = '{kind}'"  # one of two words
        self._far = f"CAST(vector AS halfvec({dim})) <#> CAST(:query AS halfvec({dim}))"

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return self._dim

    def __len__(self) -> int:
        return self._count

    def ids(self) -> Ids:
        """List all ids, (n,) int64 ascending."""
        joined = f"SELECT array_to_string(array_agg(item_id), ',') {self._all} AND {_THERE}"
        with self._reading() as connection:
            return ids_of(connection.scalar(text(joined)))

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say of each id whether it is in the index, (n,) bool."""
        if not len(ids):
            return np.zeros(0, np.bool_)
        held = text(f"SELECT item_id {self._all} AND {_LISTED} AND {_THERE}")
        with self._reading() as connection:
            found = connection.scalars(held, {"ids": _array(ids)}).all()
        return np.isin(ids, np.array(found, np.int64))

    def embeddings(self, ids: Ids) -> Embeddings:
        """Give back stored embeddings; see ReadableIndex."""
        ids = np.asarray(ids, np.int64)
        if not len(ids):
            return np.empty((0, self._dim), np.float32)
        with self._reading() as connection:
            found, rows = self._decoded(self._listed(connection, ids))
        order = np.argsort(found)
        places = np.minimum(np.searchsorted(found, ids, sorter=order), len(found) - 1)
        if not len(found) or (found[order[places]] != ids).any():
            raise KeyError(int(np.setdiff1d(ids, found)[0]))
        return rows[order[places]]

    def search(self, query: Embeddings, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """Find the k best items, or nearly those; see ReadableIndex."""
        query = check_query(query, k, self._dim)
        if k == 0 or not self._count or (allowed is not None and not len(allowed)):
            return np.empty(0, np.float32), np.empty(0, np.int64)
        allowed = None if allowed is None else ascending(allowed)
        told = {"query": to_send(query.astype("<f2").tobytes())}
        with self._reading() as connection:
            ids, rows = self._decoded(self._candidates(connection, told, k, allowed))
        return best(cosine(rows, query), ids, k)

    # -- candidates -----------------------------------------------------------------------------------

    def _candidates(
        self, connection: Connection, told: Mapping[str, Any], k: int, allowed: Ids | None
    ) -> _Found:
        found: _Found | None = None
        if self._graph and allowed is None and k + _SPARE <= _MOST_MET:
            found = self._walk(connection, told, _ROW, k + _SPARE)
            if len(found) < min(k, self._count):  # rows that were deleted make a walk end early
                found = None
        elif self._graph and allowed is not None and len(allowed) > _FEW:
            found = self._walk_among(connection, told, k, allowed)
        return self._compare(connection, told, k, allowed) if found is None else found

    def _walk(self, connection: Connection, told: Mapping[str, Any], columns: str, most: int) -> _Found:
        """Walk through the graph until so many rows are met, in nearly the right order."""
        if most > WIDTH:
            width = text("SELECT set_config('hnsw.ef_search', :width, true)")
            connection.execute(width, {"width": str(min(most, _WIDEST))})
        walk = f"SELECT {columns} {self._all} AND {_BESIDE} ORDER BY {self._far} LIMIT {most}"
        return connection.execute(text(walk), told).all()

    def _walk_among(
        self, connection: Connection, told: Mapping[str, Any], k: int, allowed: Ids
    ) -> _Found | None:
        """Walk on until enough rows are met that are allowed; None if that does not come about."""
        most = int((k + _SPARE) * 1.2 * max(self._count / len(allowed), 1))
        while most <= _MOST_MET:
            met = np.array([row[0] for row in self._walk(connection, told, "item_id", most)], np.int64)
            kept = met[isin_sorted(met, allowed)]
            if len(kept) >= min(k, len(allowed)):
                return self._listed(connection, kept[: 4 * k + _SPARE])
            if len(met) < most:
                return None
            most *= 4
        return None

    def _compare(
        self, connection: Connection, told: Mapping[str, Any], k: int, allowed: Ids | None
    ) -> _Found:
        """Compare all that is allowed; take k, and those whose score might round up to that of the k-th."""
        among, listed = "", {}
        if allowed is not None:
            among, listed = f"AND {_LISTED}", {"ids": _array(allowed)}
        fetch = k + _SPARE
        while True:
            statement = (
                f"WITH there AS MATERIALIZED (SELECT item_id, vector {self._all} AND {_THERE} {among}) "
                f"SELECT {_ROW}, {self._far} AS far FROM there ORDER BY far LIMIT {fetch}"
            )
            rows = connection.execute(text(statement), {**told, **listed}).all()
            if len(rows) < fetch or rows[-1].far > rows[k - 1].far + _ROUNDING:
                return rows
            fetch *= 4

    def _listed(self, connection: Connection, ids: Ids) -> _Found:
        statement = text(f"SELECT {_ROW} {self._all} AND {_LISTED} AND {_THERE}")
        return connection.execute(statement, {"ids": _array(ids)}).all()

    def _decoded(self, found: _Found) -> tuple[Ids, Embeddings]:
        flat = np.frombuffer(b"".join(halves_of_sent(row[1]) or b"" for row in found), "<f2")
        rows = flat.reshape(len(found), self._dim).astype(np.float32)
        return np.array([row[0] for row in found], np.int64), rows


def _array(ids: Ids) -> str:
    """Write ids as PostgreSQL writes an array."""
    return f"{{{','.join(map(str, np.asarray(ids, np.int64).tolist()))}}}"


def has_graph(connection: Connection, kind: Kind) -> bool:
    """Say whether there is a whole graph over the embeddings of a kind."""
    return bool(connection.scalar(_VALID, {"name": graph_name(kind)}))


def make_graph(connection: Connection, kind: Kind, dim: int) -> None:
    """Make the graph over the embeddings of a kind, while others read and write; the server keeps it up then.

    Args:
        connection: in no transaction, for this takes one for each of its steps.
        kind: image or text.
        dim: width of the embeddings.
    """
    if has_graph(connection, kind):
        return
    for setting in (f"maintenance_work_mem = '{_MEMORY}'", "lock_timeout = 0"):
        connection.exec_driver_sql(f"SET {setting}")
    try:
        connection.exec_driver_sql(
            f"DROP INDEX CONCURRENTLY IF EXISTS {graph_name(kind)}"
        )  # of a build that died
        connection.exec_driver_sql(
            f"CREATE INDEX CONCURRENTLY {graph_name(kind)} ON embeddings "
            f"USING hnsw ((CAST(vector AS halfvec({dim}))) halfvec_ip_ops) "
            f"WITH (m = {_NEIGHBOURS}, ef_construction = {_BUILT_WITH}) WHERE kind = '{kind}'"
        )
    finally:
        for setting in ("maintenance_work_mem", "lock_timeout"):
            connection.exec_driver_sql(f"RESET {setting}")
