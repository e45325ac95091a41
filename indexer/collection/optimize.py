"""Choosing an index by size and by measurement: exact for most collections, an inverted file for large."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..indexes.manifest import IndexFile, write_index
from ..items import KINDS, Embeddings, Ids, Kind
from ..storage.store import Store
from ..vectors.build import Queries, Trial, build, trials, truth, write
from ..vectors.ivf import IvfIndex, ids_of
from .collection import Collection

LARGE = 100_000
"""Embeddings from which a query of the exact index costs more than the starter's text tower."""
RECALL = 0.98
"""Aimed at: share of the true ten best that are found."""
MOST_DRIFT = 0.05
"""Share of an inverted file that may be added or removed before it is built anew."""

_QUERIES = 200  # of each group


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An inverted file that was built, and why it is used as it is.

    Attributes:
        file: as a manifest tells of it.
        trials: what more and more lists to look at gave; the last one is used.
        seconds: that it took to build, without the trials.
    """

    file: IndexFile
    trials: tuple[Trial, ...]
    seconds: float


def optimize(
    collection: Collection,
    *,
    forced: bool = False,
    aim: float = RECALL,
    others: Callable[[], Mapping[str, Embeddings]] = dict,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[Kind, Built]:
    """Build inverted files for the kinds of embeddings that are many, where that was not done or has aged.

    Each looks at as few lists as find the aimed share of the true ten best for each group of queries:
    embeddings of the collection, each without itself, and others, such as texts. The embeddings are read
    four times, a chunk at a time; memory is needed for the codes and one chunk. Searches go on with the old
    indexes until the new ones are complete.

    Args:
        collection: whose.
        forced: also where they are there and fresh.
        aim: share of the true ten best.
        others: gives further groups of queries, (q, dim) float32 of length 1, by name; called if needed.
        say: told what is being done.

    Returns:
        What was built, by kind.

    Raises:
        CollectionBusy: another process is writing.
        StorageFailure: the disk is full; the old index files stay in use.
    """
    built: dict[Kind, Built] = {}
    with collection.writing():
        for kind in KINDS:
            if (
                not collection.keeps_files or collection.store.count(kind) < LARGE
            ):  # asked of the database: indexes are not read for that
                continue
            drift = collection.drift(kind)
            if collection.count(kind) < LARGE or not (forced or drift is None or drift > MOST_DRIFT):
                continue
            say(f"Building an index of {collection.count(kind):,} {kind} embeddings ...")
            built[kind] = _built(collection, kind, aim, others())
        if built:
            collection.use_files({kind: one.file for kind, one in built.items()})
    return built


def _built(collection: Collection, kind: Kind, aim: float, others: Mapping[str, Embeddings]) -> Built:
    store = collection.store
    change = store.change()  # what is written from here on is caught up with
    chunks = partial(store.embeddings_in_chunks, kind)
    started = time.perf_counter()
    base = build(chunks, collection.count(kind))
    seconds = time.perf_counter() - started
    file = write_index(
        collection.folder, kind, change, partial(write, base, chunks), count=int(base.ntotal), type="ivf"
    )
    path = collection.folder / file.file
    try:
        groups = [_own(store, kind, ids_of(base)), *(_given(name, rows) for name, rows in others.items())]
        index = IvfIndex.open(path, collection.spec.dim, probes=1)
        tried = trials(index, groups, truth(chunks, groups), aim=aim)
    except BaseException:  # interrupted: no manifest will ever name this file
        path.unlink(missing_ok=True)
        raise
    return Built(file=replace(file, probes=tried[-1].probes), trials=tuple(tried), seconds=seconds)


def _own(store: Store, kind: Kind, ids: Ids) -> Queries:
    """Take queries from the collection itself, evenly over its ids."""
    some = np.sort(ids)[:: max(len(ids) // _QUERIES, 1)][:_QUERIES]
    found, rows = store.embeddings_of(kind, some)
    return Queries(name=f"its {kind}s", rows=rows, own=found)


def _given(name: str, rows: Embeddings) -> Queries:
    rows = rows[:: max(len(rows) // _QUERIES, 1)][:_QUERIES]
    return Queries(name=name, rows=np.ascontiguousarray(rows, np.float32), own=np.full(len(rows), -1))
