"""Search by pgvector: embeddings in a table of the server, and HNSW over them (Malkov and Yashunin 2018)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from ..halves import halves_of_sent, text_of_halves
from ..items import Embeddings, Ids, Kind
from .base import Scores, best, check_query, cosine

Reading = Callable[[], AbstractContextManager[Connection]]

# The server computes in float32, in another order; who is within this of the k-th is scored again exactly.
_ROUNDING = 1e-5
_FEW = 5_000  # so few allowed ids are compared one by one
_WIDEST = 1_000  # of ef_search
_MOST_VISITED = 20_000  # rows of a walk through the graph, before everything that is allowed is compared

_LISTED = "(SELECT CAST(jsonb_array_elements_text(CAST(:ids AS jsonb)) AS bigint))"
_THERE = "item_id NOT IN (SELECT id FROM items WHERE apart)"
_BESIDE = "item_id <> ALL (ARRAY(SELECT id FROM items WHERE apart))"  # looked up once for a whole walk
# The walk goes on until enough rows pass, however few do; rows come in nearly the right order.
_WALKING = text(
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), "
    "set_config('hnsw.ef_search', :width, true), set_config('hnsw.max_scan_tuples', :most, true)"
)


class PgvectorIndex:
    """Nearest neighbours among the embeddings of one kind in a collection's own table; see ``VectorIndex``.

    Nothing is kept here: what another process writes is found at once. The server finds the candidates; their
    scores are computed by ``cosine`` from the stored numbers, as those of every other index. Rows are written
    by the store, in one transaction with their items, so there is no ``add`` and no ``remove``.

    Args:
        reading: opens a snapshot.
        kind: image or text.
        dim: width of the embeddings.
        width: candidates that the graph follows at least (``hnsw.ef_search``); 0 without a graph, where
            every embedding is compared.
        count: how many embeddings there are.
    """

    def __init__(self, reading: Reading, kind: Kind, dim: int, *, width: int, count: int) -> None:
        self._reading = reading
        self._dim = dim
        self._width = width
        self._count = count
        self._all = f"FROM embeddings WHERE kind = '{kind}'"  # one of two words
        self._distance = f"CAST(vector AS halfvec({dim})) <#> CAST(:query AS halfvec({dim}))"

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return self._dim

    def __len__(self) -> int:
        return self._count

    def ids(self) -> Ids:
        """List all ids, (n,) int64 ascending."""
        with self._reading() as connection:
            joined = connection.scalar(
                text(f"SELECT array_to_string(array_agg(item_id), ',') {self._all} AND {_THERE}")
            )
        return np.sort(np.fromstring(joined, np.int64, sep=",")) if joined else np.empty(0, np.int64)

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say of each id whether it is in the index, (n,) bool."""
        if not len(ids):
            return np.zeros(0, np.bool_)
        held = text(f"SELECT item_id {self._all} AND item_id IN {_LISTED} AND {_THERE}")
        with self._reading() as connection:
            found = connection.scalars(held, {"ids": _listed(ids)}).all()
        return np.isin(ids, np.array(found, np.int64))

    def embeddings(self, ids: Ids) -> Embeddings:
        """Give back stored embeddings; see VectorIndex."""
        ids = np.asarray(ids, np.int64)
        with self._reading() as connection:
            found, rows = self._rows(connection, ids)
        order = np.argsort(found)
        places = np.minimum(np.searchsorted(found, ids, sorter=order), len(found) - 1)
        if len(ids) and (not len(found) or (found[order[places]] != ids).any()):
            raise KeyError(int(np.setdiff1d(ids, found)[0]))
        return rows[order[places]] if len(ids) else np.empty((0, self._dim), np.float32)

    def search(self, query: Embeddings, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """Find the k best items, or nearly those; see VectorIndex."""
        query = check_query(query, k, self._dim)
        if allowed is not None:
            allowed = np.unique(np.asarray(allowed, np.int64))
        if k == 0 or (allowed is not None and not len(allowed)):
            return np.empty(0, np.float32), np.empty(0, np.int64)
        told = {"query": text_of_halves(query.astype("<f2").tobytes())}
        with self._reading() as connection:
            ids = self._candidates(connection, told, k, allowed)
            found, rows = self._rows(connection, ids)
        return best(cosine(rows, query), found, k)

    # -- candidates -----------------------------------------------------------------------------------

    def _candidates(
        self, connection: Connection, told: dict[str, str | None], k: int, allowed: Ids | None
    ) -> Ids:
        few = allowed is not None and len(allowed) <= _FEW
        if self._width and not few:
            ids = self._walked(connection, told, k, allowed)
            if ids is not None:
                return ids
        return self._compared(connection, told, k, allowed)

    def _walked(
        self, connection: Connection, told: dict[str, str | None], k: int, allowed: Ids | None
    ) -> Ids | None:
        """Take candidates from a walk through the graph; None if too few of those it meets are allowed."""
        share = 1.0 if allowed is None else len(allowed) / max(self._count, 1)
        fetch = int((k + 8) / max(share, 1e-6) * 1.2)
        while fetch <= _MOST_VISITED:
            width = min(max(self._width, fetch), _WIDEST)
            connection.execute(_WALKING, {"width": str(width), "most": str(2 * _MOST_VISITED)})
            statement = f"SELECT item_id {self._all} AND {_BESIDE} ORDER BY {self._distance} LIMIT {fetch}"
            met = np.array(connection.scalars(text(statement), told).all(), np.int64)
            kept = met if allowed is None else met[np.isin(met, allowed)]
            if len(kept) >= min(k, self._count if allowed is None else len(allowed)):
                return kept
            if len(met) < fetch:  # the walk has ended; who is left can only be found by comparing
                return None
            fetch *= 4
        return None

    def _compared(
        self, connection: Connection, told: dict[str, str | None], k: int, allowed: Ids | None
    ) -> Ids:
        """Compare everything that is allowed; take k, and all whose score might round up to that of the k-th."""
        among, listed = "", {}
        if allowed is not None:
            among, listed = f"AND item_id IN {_LISTED}", {"ids": _listed(allowed)}
        fetch = k + 8
        while True:
            statement = text(
                f"WITH there AS MATERIALIZED (SELECT item_id, vector {self._all} AND {_THERE} {among}) "
                f"SELECT item_id, {self._distance} AS distance FROM there ORDER BY distance LIMIT {fetch}"
            )
            rows = connection.execute(statement, {**told, **listed}).all()
            far = [distance for _, distance in rows]
            if len(rows) < fetch or far[-1] > far[k - 1] + _ROUNDING:
                ids = np.array([item_id for item_id, _ in rows], np.int64)
                return ids if len(ids) <= k else ids[np.array(far) <= far[k - 1] + _ROUNDING]
            fetch *= 4

    def _rows(self, connection: Connection, ids: Ids) -> tuple[Ids, Embeddings]:
        statement = text(
            f"SELECT item_id, halfvec_send(vector) {self._all} AND item_id IN {_LISTED} AND {_THERE}"
        )
        found = connection.execute(statement, {"ids": _listed(ids)}).all()
        flat = np.frombuffer(b"".join(halves_of_sent(row[1]) or b"" for row in found), "<f2")
        rows = flat.reshape(len(found), self._dim).astype(np.float32)
        return np.array([row[0] for row in found], np.int64), rows


def _listed(ids: Ids) -> str:
    return json.dumps(np.asarray(ids, np.int64).tolist())
