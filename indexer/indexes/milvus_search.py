"""Candidates from a Milvus server (Wang et al., *Milvus*, SIGMOD 2021), scores from where the truth is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

from ..errors import VectorsUnreachable
from ..items import Embeddings, Ids, Scores
from ..vectors.base import best, check_query, cosine
from ..vectors.faiss import FaissIndex
from ..vectors.ids import ascending, isin_sorted

Fetch = Callable[[Ids], tuple[Ids, Embeddings]]
"""Reads stored embeddings: of ids (n,) those that are there, (m,), and their rows (m, dim) float32."""

_CHANGE = "findmake.change"  # the property of a Milvus collection that tells what it holds
_TIMEOUT_S = 30
_BATCH = 2_000  # rows of a request
_MOST = 16_384  # hits that Milvus gives at most
_EF = 128  # candidates that its graph follows at least
_FEW, _NAMED = 200, 5_000  # so many allowed ids are scored one by one; are named to the server
_SPARE = 16  # more than are wanted: the server computes in another order, and keeps float32


class MilvusBase:
    """The embeddings of one kind on a Milvus server, as they were after some change.

    Args:
        client: of the server.
        address: of the server, to name it by.
        name: of the Milvus collection.
        dim: width of the embeddings.

    Every method raises VectorsUnreachable if the server does not answer or refuses.
    """

    def __init__(self, client: MilvusClient, address: str, name: str, dim: int) -> None:
        self._client = client
        self._address = address
        self._name = name
        self._dim = dim

    def change(self) -> int:
        """Tell the change after which the embeddings were put there; 0 if there are none."""
        if not self._ask("has_collection"):
            return 0
        told = self._ask("describe_collection").get("properties") or {}
        return int(told.get(_CHANGE, 0))

    def create(self) -> None:
        """Make an empty collection with a graph (HNSW), in place of one that is there."""
        if self._ask("has_collection"):
            self._ask("drop_collection")
        schema = self._client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dim)
        graph = self._client.prepare_index_params()
        graph.add_index(
            "vector", index_type="HNSW", metric_type="IP", params={"M": 16, "efConstruction": 100}
        )
        self._ask("create_collection", schema=schema, index_params=graph, consistency_level="Strong")

    def put(self, ids: Ids, rows: Embeddings) -> None:
        """Write embeddings; an id that is there gets the new one."""
        for start in range(0, len(ids), _BATCH):
            pairs = zip(ids[start : start + _BATCH].tolist(), rows[start : start + _BATCH], strict=True)
            self._ask("upsert", data=[{"id": item_id, "vector": row} for item_id, row in pairs])

    def drop(self, ids: Ids) -> None:
        """Delete embeddings."""
        for start in range(0, len(ids), _BATCH):
            self._ask("delete", ids=ids[start : start + _BATCH].tolist())

    def settle(self, change: int) -> None:
        """Wait until searches see all that was written, then tell after which change that was."""
        self._ask("query", filter="", output_fields=["count(*)"], consistency_level="Strong")
        self._ask("alter_collection_properties", properties={_CHANGE: str(change)})

    def nearest(self, query: Embeddings, limit: int, named: Ids | None) -> Ids:
        """Find about the nearest, (m,) int64, m at most ``limit``; among the named ids only, if any are."""
        among = "" if named is None else f"id in {named.tolist()}"
        how = {"metric_type": "IP", "params": {"ef": max(_EF, limit)}}
        [found] = self._ask(
            "search",
            data=[query],
            limit=limit,
            filter=among,
            search_params=how,
            consistency_level="Eventually",  # what came after the last ``settle`` is looked at elsewhere
        )
        return np.array([hit["id"] for hit in found], np.int64)

    def _ask(self, method: str, **arguments: Any) -> Any:
        try:
            return getattr(self._client, method)(self._name, timeout=_TIMEOUT_S, **arguments)
        except MilvusException as error:
            raise VectorsUnreachable(self._address, str(error.message)) from error


class MilvusIndex:
    """Nearest neighbours by a Milvus server, and an exact index of what has changed since; see ReadableIndex.

    Args:
        base: gives candidates.
        fresh: exact, of all that was written after the base's change.
        stale: (n,) int64, ids whose embedding in the base is not valid any more.
        ids: (m,) int64 ascending, of all embeddings that there are now.
        fetch: reads stored embeddings.
    """

    def __init__(self, base: MilvusBase, fresh: FaissIndex, *, stale: Ids, ids: Ids, fetch: Fetch) -> None:
        self._base = base
        self._fresh = fresh
        self._stale = np.unique(stale)
        self._ids = ids
        self._fetch = fetch

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return self._fresh.dim

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self) -> Ids:
        """List all ids, (n,) int64 ascending."""
        return self._ids

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say of each id whether it is in the index, (n,) bool."""
        return isin_sorted(np.asarray(ids, np.int64), self._ids)

    def embeddings(self, ids: Ids) -> Embeddings:
        """Give back stored embeddings; see ReadableIndex."""
        ids = np.asarray(ids, np.int64)
        unknown = ids[~self.holds(ids)]
        if len(unknown):
            raise KeyError(int(unknown.min()))
        if not len(ids):
            return np.empty((0, self.dim), np.float32)
        found, rows = self._fetch(np.unique(ids))
        order = np.argsort(found)
        return rows[order[np.searchsorted(found, ids, sorter=order)]]

    def search(self, query: Embeddings, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """Find the k best items, or nearly those; see ReadableIndex."""
        query = check_query(query, k, self.dim)
        if allowed is not None:
            allowed = ascending(allowed)
            allowed = allowed[isin_sorted(allowed, self._ids)]
        if k == 0 or not len(self._ids) or (allowed is not None and not len(allowed)):
            return np.empty(0, np.float32), np.empty(0, np.int64)
        candidates = self._candidates(query, k, allowed)
        scores, ids = self._fresh.search(query, k, allowed)
        found, rows = self._fetch(candidates) if len(candidates) else (candidates, np.empty((0, self.dim)))
        mine = cosine(rows.astype(np.float32), query) if len(found) else np.empty(0, np.float32)
        return best(np.concatenate([scores, mine]), np.concatenate([ids, found]), k)

    def _candidates(self, query: Embeddings, k: int, allowed: Ids | None) -> Ids:
        """Take candidates from the base that are valid and allowed; all of them where few are left."""
        there = self._ids if allowed is None else allowed
        valid = there[~isin_sorted(there, self._stale)]
        if len(valid) <= _FEW:
            return valid
        named = valid if allowed is not None and len(valid) <= _NAMED else None
        wanted = min(k + _SPARE, len(valid))
        limit = int(wanted if named is not None else wanted * max(len(self._ids) / len(valid), 1) + _SPARE)
        while limit <= _MOST:
            met = self._base.nearest(query, limit, named)
            kept = met[isin_sorted(met, valid)]
            if len(kept) >= min(k, len(valid)):
                return kept[: 4 * k + _SPARE]
            if len(met) < limit:
                break
            limit *= 4
        return self._compared(query, k, valid)

    def _compared(self, query: Embeddings, k: int, valid: Ids) -> Ids:
        """Find the best of all that is valid, a chunk at a time: nothing starves, however few pass."""
        scores, ids = np.empty(0, np.float32), np.empty(0, np.int64)
        for start in range(0, len(valid), 20_000):
            found, rows = self._fetch(valid[start : start + 20_000])
            both = np.concatenate([scores, cosine(rows, query)]), np.concatenate([ids, found])
            scores, ids = best(*both, k)
        return ids
