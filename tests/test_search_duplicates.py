"""Duplicates: exact and near ones, which is best, and the pairs against comparing one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import find_duplicates
from search.duplicates import near_pairs
from tests.colour_pictures import encoded, picture, write_pictures

EXACT_ONLY = 2.0


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded("red", seed=1))
    (folder / "b.png").write_bytes(encoded("blue", seed=2))
    (folder / "c copy of a.png").write_bytes(encoded("red", seed=1))
    picture("red", 1, size=(96, 80)).save(folder / "d larger a.png")
    (folder / "e.txt").write_text("one sentence")
    (folder / "f.txt").write_text("one sentence")
    (folder / "g.txt").write_text("another")
    return folder


def names(group):
    return [member.item.title for member in group.members]


def test_exact_and_near_copies_are_found_with_the_largest_first(collection, index, photos):
    index(photos)
    pictures, texts = find_duplicates(collection, threshold=0.9999)
    assert names(pictures) == ["d larger a", "a", "c copy of a"]
    largest, first, copy = pictures.members
    assert (largest.same_as, first.same_as, copy.same_as) == (None, None, first.item.id)
    assert largest.score == 1.0
    assert 0.9999 <= copy.score == first.score <= 1
    assert names(texts) == ["e", "f"]
    assert (pictures.is_exact, texts.is_exact) == (False, True)


def test_without_near_ones_only_exact_copies_remain(collection, index, photos):
    index(photos)
    groups = find_duplicates(collection, threshold=EXACT_ONLY)
    assert [names(group) for group in groups] == [["a", "c copy of a"], ["e", "f"]]
    assert all(group.is_exact for group in groups)


def test_a_lower_threshold_finds_more(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 28)
    index(tmp_path / "photos")
    assert find_duplicates(collection, threshold=EXACT_ONLY) == ()
    groups = find_duplicates(collection, threshold=0.97)
    assert {len(group.members) for group in groups} >= {4}
    for group in groups:
        if not any("grey" in name for name in names(group)):
            assert len({name.split(" ")[-1] for name in names(group)}) == 1


def test_a_collection_without_duplicates_or_items(collection, index, tmp_path):
    assert find_duplicates(collection) == ()
    write_pictures(tmp_path / "photos", 1)
    index(tmp_path / "photos")
    assert find_duplicates(collection, threshold=0.5) == ()
    for threshold in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            find_duplicates(collection, threshold=threshold)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 40), st.floats(0.1, 0.95))
def test_near_pairs_are_those_of_comparing_one_by_one(seed, count, threshold):
    rng = np.random.default_rng(seed)
    rows = unit(rng.normal(size=(count, 4))) if count else np.empty((0, 4), np.float32)
    ids = np.sort(rng.permutation(1000)[:count]).astype(np.int64)
    expected = {
        (int(ids[i]), int(ids[j]))
        for i in range(count)
        for j in range(i + 1, count)
        if float(rows[i] @ rows[j]) >= threshold
    }
    unsure = {
        (int(ids[i]), int(ids[j]))
        for i in range(count)
        for j in range(i + 1, count)
        if abs(float(rows[i] @ rows[j]) - threshold) < 1e-6
    }
    assert set(near_pairs(ids, rows, threshold)) ^ expected <= unsure


def test_pairs_are_found_across_blocks():
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=(3_000, 32)))
    rows[2_900] = rows[5]
    rows[1_500] = rows[1_499]
    assert list(near_pairs(np.arange(3_000), rows, 0.99)) == [(5, 2_900), (1_499, 1_500)]
