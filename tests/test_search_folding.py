"""Folding near-duplicates: against a plain loop, under paging, and at the very threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ranking.group_duplicates import Group, fold
from tests.strategies import unit_rows

THRESHOLD = 0.9


def naive(ids, rows, hashes, threshold):
    """Fold by the definition: one candidate after another, each compared with each representative."""
    groups = []  # [representative's row, member rows]
    for row in range(len(ids)):
        home = next(
            (g for g in groups if any(hashes[row] and hashes[row] == hashes[m] for m in g)),
            None,
        ) or next((g for g in groups if np.vecdot(rows[g[0]], rows[row]) >= threshold), None)
        if home is None:
            groups.append([row])
        else:
            home.append(row)
    return tuple(
        Group(id=int(ids[first]), folded=tuple(int(ids[row]) for row in rest)) for first, *rest in groups
    )


@st.composite
def candidates(draw, max_n=60):
    """Draw ids, rows in few directions with some noise, and hashes that repeat now and then."""
    n = draw(st.integers(0, max_n))
    ids = np.array(draw(st.lists(st.integers(0, 2**40), min_size=n, max_size=n, unique=True)), np.int64)
    seed = draw(st.integers(0, 2**16))
    noise = draw(st.sampled_from([0.0, 0.05, 0.3]))
    dim = draw(st.sampled_from([2, 8, 33]))
    rng = np.random.default_rng(seed)
    rows = unit_rows(n, dim, seed, repeats=3) + noise * rng.normal(size=(n, dim)) / np.sqrt(dim)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    hashes = draw(st.lists(st.sampled_from([None, "", "a", "b", "c"]), min_size=n, max_size=n))
    return ids, rows, hashes


@given(candidates(), st.sampled_from([0.3, 0.9, 0.99, 2.0]))
def test_folding_is_the_plain_loop(found, threshold):
    ids, rows, hashes = found
    groups = fold(ids, rows, hashes=hashes, threshold=threshold)
    assert groups == naive(ids, rows, hashes, threshold)
    members = [member for group in groups for member in (group.id, *group.folded)]
    assert sorted(members) == sorted(ids.tolist())


@given(candidates(), st.data())
def test_looking_deeper_changes_nothing_that_was_folded(found, data):
    """Also where many cosines stand at the threshold to the last bit."""
    ids, rows, hashes = found
    n = data.draw(st.integers(0, len(ids)))
    threshold = THRESHOLD
    if n > 1:
        pair = data.draw(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))
        threshold = max(float(np.vecdot(rows[pair[0]], rows[pair[1]])), 0.01)
    shallow = fold(ids[:n], rows[:n], hashes=hashes[:n], threshold=threshold)
    deep = fold(ids, rows, hashes=hashes, threshold=threshold)
    assert len(deep) >= len(shallow)
    for before, after in zip(shallow, deep, strict=False):
        assert before.id == after.id
        assert after.folded[: len(before.folded)] == before.folded


@pytest.mark.parametrize("repeats", [1, 4])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_more_candidates_than_one_block_fold_alike(repeats, noise):
    n = 700
    rows = unit_rows(n, 512, seed=7, repeats=repeats)
    rows = rows + noise * unit_rows(n, 512, seed=8)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    ids = np.random.default_rng(0).permutation(n).astype(np.int64)
    threshold = float(np.vecdot(rows[0], rows[0]))  # where rounding decides, and repeats stand by themselves
    for least in (threshold, 0.99):
        assert fold(ids, rows, hashes=[None] * n, threshold=least) == naive(ids, rows, [None] * n, least)


def test_a_copy_goes_where_its_copy_went():
    rows = np.array([[1, 0], [0.99, 0.141], [0, 1]], np.float32)
    groups = fold(np.array([5, 3, 9]), rows, hashes=["a", "b", "b"], threshold=0.95)
    assert groups == (Group(id=5, folded=(3, 9)),)


def test_nothing_folds_by_an_empty_hash_or_a_zero_row():
    rows = np.zeros((3, 4), np.float32)
    groups = fold(np.array([1, 2, 3]), rows, hashes=["", None, ""], threshold=0.5)
    assert [group.id for group in groups] == [1, 2, 3]


def test_what_makes_no_sense_is_refused():
    rows = unit_rows(2, 4, seed=0)
    with pytest.raises(ValueError, match="do not match"):
        fold(np.array([1, 2]), rows, hashes=["a"], threshold=0.9)
    with pytest.raises(ValueError, match="twice"):
        fold(np.array([1, 1]), rows, hashes=["a", "b"], threshold=0.9)
    with pytest.raises(ValueError, match="above 0"):
        fold(np.array([1, 2]), rows, hashes=["a", "b"], threshold=0.0)
    with pytest.raises(ValueError, match="itself"):
        Group(id=1, folded=(1,))
