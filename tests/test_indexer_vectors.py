"""FaissIndex gives the ids and scores of ExactIndex, to the last bit (invariant 8)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import DimensionMismatch, IndexCorrupt
from indexer.vectors import ExactIndex, FaissIndex
from tests.strategies import unit_rows, vector_sets


def both(dim):
    return ExactIndex(dim), FaissIndex(dim)


def assert_same(exact, faiss, query, k, allowed=None):
    expected_scores, expected_ids = exact.search(query, k, allowed)
    scores, ids = faiss.search(query, k, allowed)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_array_equal(scores, expected_scores)
    assert scores.dtype == np.float32
    assert ids.dtype == np.int64


@given(vector_sets(), st.integers(0, 100))
def test_same_answer_for_any_n_dim_and_k(vectors, k):
    ids, rows, query = vectors
    exact, faiss = both(len(query))
    for index in (exact, faiss):
        index.add(ids, rows)
    assert len(exact) == len(faiss) == len(ids)
    assert_same(exact, faiss, query, k)


@given(vector_sets(), st.integers(0, 20), st.data())
def test_same_answer_after_adds_removes_and_replacements(vectors, k, data):
    ids, rows, query = vectors
    exact, faiss = both(len(query))
    for index in (exact, faiss):
        index.add(ids, rows)
    pool = ids.tolist() or [0]
    gone = np.array(data.draw(st.lists(st.sampled_from(pool), max_size=20)), np.int64)
    assert exact.remove(gone) == faiss.remove(gone)
    again = np.array(data.draw(st.lists(st.sampled_from(pool), max_size=20, unique=True)), np.int64)
    new_rows = unit_rows(len(again), len(query), 99)
    for index in (exact, faiss):
        index.add(again, new_rows)
    assert len(exact) == len(faiss)
    assert_same(exact, faiss, query, k)


@given(vector_sets(), st.integers(0, 20), st.data())
def test_same_answer_among_allowed_ids(vectors, k, data):
    ids, rows, query = vectors
    exact, faiss = both(len(query))
    for index in (exact, faiss):
        index.add(ids, rows)
    pool = [*ids.tolist(), 7, 8]
    allowed = np.array(data.draw(st.lists(st.sampled_from(pool), max_size=40)), np.int64)
    assert_same(exact, faiss, query, k, allowed)
    found = faiss.search(query, k, allowed)[1]
    assert len(found) == min(k, len(set(allowed.tolist()) & set(ids.tolist())))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([10, 2_500, 5_000]))
def test_same_answer_on_thousands_with_and_without_a_filter(seed, allowed_count):
    """Enough rows that FAISS's own filter is used, and its candidate list has to grow over ties."""
    rows = unit_rows(6_000, 32, seed, repeats=40)
    ids = np.arange(6_000, dtype=np.int64) * 3 + 1
    exact, faiss = both(32)
    for index in (exact, faiss):
        index.add(ids, rows)
    allowed = np.random.default_rng(seed).choice(ids, allowed_count, replace=False)
    for k in (1, 10, 200):
        assert_same(exact, faiss, rows[0], k)
        assert_same(exact, faiss, rows[1], k, allowed)


@given(vector_sets())
def test_embeddings_come_back_as_float16_rounds_them(vectors):
    ids, rows, _ = vectors
    for index in both(rows.shape[1]):
        index.add(ids, rows)
        np.testing.assert_array_equal(index.embeddings(ids), rows.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("index", both(4), ids=["exact", "faiss"])
def test_what_cannot_be_added_or_asked_is_refused(index):
    ids = np.array([1, 2], np.int64)
    rows = np.eye(2, 4, dtype=np.float32)
    with pytest.raises(DimensionMismatch) as mismatch:
        index.add(ids, np.eye(2, 3, dtype=np.float32))
    assert (mismatch.value.expected, mismatch.value.found) == (4, 3)
    for bad in (rows * 2, rows * np.nan, rows * 0):
        with pytest.raises(ValueError, match="length 1"):
            index.add(ids, bad)
    with pytest.raises(ValueError, match="repeat"):
        index.add(np.array([1, 1]), rows)
    with pytest.raises(ValueError, match="2 embeddings"):
        index.add(np.array([1]), rows)
    assert len(index) == 0
    index.add(ids, rows)
    with pytest.raises(ValueError, match="finite"):
        index.search(np.full(4, np.nan, np.float32), 1)
    with pytest.raises(ValueError, match="at least 0"):
        index.search(rows[0], -1)
    with pytest.raises(DimensionMismatch):
        index.search(rows[0, :3], 1)
    with pytest.raises(KeyError):
        index.embeddings(np.array([5]))


def test_a_written_index_comes_back_whole(tmp_path):
    index = FaissIndex(16)
    index.add(np.arange(50), unit_rows(50, 16, 1))
    index.remove(np.array([3, 4]))
    path = tmp_path / "image.faiss"
    index.write(path)
    again = FaissIndex.from_bytes(path.read_bytes(), path, 16)
    query = unit_rows(1, 16, 2)[0]
    for found, expected in zip(again.search(query, 60), index.search(query, 60), strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(IndexCorrupt):
        FaissIndex.from_bytes(path.read_bytes(), path, 17)
    with pytest.raises(IndexCorrupt):
        FaissIndex.from_bytes(b"not an index", path, 16)
