"""Builds an inverted file from embeddings that come in chunks; finds how much of it a query must look at."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from ..items import Embeddings, Ids, Scores
from .faiss import use_one_thread
from .file_rows import append_rows
from .ivf import IvfIndex, ids_of

K = 10
"""Of the recall that is aimed at."""
PROBES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)
"""Numbers of lists that are tried."""
_ROWS_A_LIST = 64  # to train the lists with; FAISS warns below 39
_MOST_TIMED = 100  # queries

Chunks = Callable[[], Iterable[tuple[Ids, Embeddings]]]
"""Reads all embeddings, a chunk at a time: ids (n,) and rows (n, dim); called more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a way to search a collection gives and costs.

    Attributes:
        probes: lists that each query looks at.
        recall: share of the true ten best that were found, for each group of queries, by its name.
        median_ms: of one query in one thread, with the reading of the embeddings that are scored exactly.
        bytes: an embedding takes, in memory or mapped.
    """

    probes: int
    recall: dict[str, float]
    median_ms: float
    bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Queries of one group, and who should be found.

    Attributes:
        name: of the group.
        rows: (q, dim) float32 of length 1.
        own: (q,) int64, the item that a query was taken from, which it shall not find; -1 for none.
    """

    name: str
    rows: Embeddings
    own: Ids


def build(chunks: Chunks, count: int) -> Any:
    """Build an inverted file.

    Args:
        chunks: reads the embeddings.
        count: of them, about.

    Returns:
        FAISS's index, in memory.
    """
    lists = lists_for(count)
    some = _some(chunks, count, _ROWS_A_LIST * lists)
    base: Any = faiss.index_factory(some.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    base.cp.seed = 1  # the same collection gives the same index
    with _all_cores():
        base.train(some)
        for ids, rows in chunks():
            base.add_with_ids(np.ascontiguousarray(rows, np.float32), ids)
    return base


def lists_for(count: int) -> int:
    """Choose the number of lists: a power of two near twice the root of the count, if that trains well."""
    return int(2 ** np.round(np.log2(max(min(2 * np.sqrt(count), count / _ROWS_A_LIST), 1.0))))


def truth(chunks: Chunks, groups: Iterable[Queries]) -> dict[str, Ids]:
    """Find the ten best for each query by comparing it with everything.

    Returns:
        For each group (q, 10) int64, best first; -1 where there are fewer.
    """
    groups = list(groups)
    found = {
        group.name: (np.full((len(group.rows), K), -np.inf, np.float32), np.full((len(group.rows), K), -1))
        for group in groups
    }
    with _all_cores():
        for ids, rows in chunks():
            for group in groups:
                scores = group.rows @ rows.T  # (q, n)
                scores[group.own[:, None] == ids[None, :]] = -np.inf
                found[group.name] = _merged(found[group.name], scores, ids)
    return {name: ids for name, (_, ids) in found.items()}


def _merged(known: tuple[Scores, Ids], scores: Scores, ids: Ids) -> tuple[Scores, Ids]:
    some = np.argpartition(-scores, min(K, scores.shape[1]) - 1, axis=1)[:, :K]
    all_scores = np.concatenate([known[0], np.take_along_axis(scores, some, axis=1)], axis=1)
    all_ids = np.concatenate([known[1], ids[some]], axis=1)
    all_ids[np.isneginf(all_scores)] = -1
    order = np.argsort(-all_scores, axis=1, kind="stable")[:, :K]
    return np.take_along_axis(all_scores, order, axis=1), np.take_along_axis(all_ids, order, axis=1)


def trials(
    index: IvfIndex, groups: Iterable[Queries], expected: dict[str, Ids], *, aim: float
) -> list[Trial]:
    """Let it look at more and more lists, until the aim is reached in each group, or all were tried."""
    groups, tried = list(groups), []
    for probes in [number for number in PROBES if number < index.lists] + [index.lists]:
        index.probes = probes
        recall, times = {}, []
        for group in groups:
            hits, possible = 0, 0
            for number, (row, own) in enumerate(zip(group.rows, group.own.tolist(), strict=True)):
                started = time.perf_counter()
                ids = index.search(row, K + (own >= 0))[1]
                times += [1e3 * (time.perf_counter() - started)] if number < _MOST_TIMED else []
                right = expected[group.name][number]
                right = right[right >= 0]
                hits += len(np.intersect1d(ids[ids != own][:K], right))
                possible += len(right)
            recall[group.name] = hits / max(possible, 1)
        median = statistics.median(times)
        tried.append(Trial(probes=probes, recall=recall, median_ms=median, bytes=index.bytes_each))
        if min(recall.values()) >= aim:
            break
    return tried


def _some(chunks: Chunks, count: int, most: int) -> Embeddings:
    """Take an even sample of all embeddings."""
    step = max(count // most, 1)
    return np.concatenate([rows[::step] for _, rows in chunks()]).astype(np.float32)


def write(base: Any, chunks: Chunks, path: Path) -> None:
    """Write an inverted file, and behind it the embeddings that it was built from.

    Raises:
        RuntimeError: it cannot be written, or the embeddings are of other items than those it was built from.
        OSError: the disk is full.
    """
    faiss.write_index(base, str(path))
    append_rows(path, _rows_of(np.sort(ids_of(base)), chunks))


def _rows_of(held: Ids, chunks: Chunks) -> Iterator[Embeddings]:
    """Read embeddings, and see that they are of these ids, (n,) ascending: only their place tells whose."""
    done = 0
    for ids, rows in chunks():
        if not np.array_equal(ids, held[done : done + len(ids)]):
            break
        done += len(ids)
        yield rows
    if done < len(held):
        raise RuntimeError("the embeddings changed while the index was built")


@contextmanager
def _all_cores() -> Iterator[None]:
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    try:
        yield
    finally:
        use_one_thread()
