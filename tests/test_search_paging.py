"""Pages without repeats or holes, and looking deep enough for them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ranking.answer import deepen, page
from search.ranking.group_duplicates import fold
from tests.test_search_folding import THRESHOLD, candidates


@given(st.lists(st.integers()), st.integers(1, 7), st.integers(0, 3))
def test_pages_laid_end_to_end_are_the_whole(entries, k, beyond):
    pages = [page(entries, offset, k) for offset in range(0, len(entries) + beyond * k, k)]
    assert [entry for each in pages for entry in each] == entries
    assert all(len(each) == k for each in pages[: len(entries) // k])


def test_negative_pages_are_refused():
    for offset, k in ((-1, 1), (0, -1)):
        with pytest.raises(ValueError, match="at least 0"):
            page([1], offset, k)
    for needed, first in ((-1, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least"):
            deepen(lambda n: [], list, needed=needed, first=first)


@given(candidates(max_n=120), st.integers(0, 40), st.integers(0, 20), st.integers(1, 9), st.booleans())
def test_a_page_of_folded_hits_is_that_of_the_full_ranking(found, offset, k, first, only_even):
    """Exactly k when k exist, whatever folding and conditions leave out, without looking at everything."""
    ids, rows, hashes = found
    depths = []

    def fetch(depth):
        depths.append(depth)
        return range(min(depth, len(ids)))

    def kept(places):
        chosen = [i for i in places if not only_even or ids[i] % 2 == 0]
        return fold(ids[chosen], rows[chosen], hashes=[hashes[i] for i in chosen], threshold=THRESHOLD)

    whole = [group.id for group in kept(range(len(ids)))]
    entries = deepen(fetch, kept, needed=offset + k, first=first)
    assert [group.id for group in page(entries, offset, k)] == whole[offset : offset + k]
    assert len(page(entries, offset, k)) == max(0, min(k, len(whole) - offset))
    assert depths == [depths[0] * 2**i for i in range(len(depths))]
    if len(depths) > 1:  # the look before was really not enough
        assert len(kept(fetch(depths[-2]))) < offset + k


@given(candidates(max_n=80), st.integers(1, 10))
def test_pages_of_one_folded_ranking_have_no_repeats_and_no_holes(found, k):
    ids, rows, hashes = found

    def kept(places):
        return fold(
            ids[: len(places)], rows[: len(places)], hashes=hashes[: len(places)], threshold=THRESHOLD
        )

    shown = []
    for offset in range(0, len(ids) + k, k):
        entries = deepen(lambda n: range(min(n, len(ids))), kept, needed=offset + k, first=1)
        shown += [group.id for group in page(entries, offset, k)]
    assert shown == [group.id for group in kept(range(len(ids)))]


def test_what_is_plenty_is_looked_at_once():
    depths = []

    def fetch(depth):
        depths.append(depth)
        return np.arange(min(depth, 10_000)).tolist()

    assert list(page(deepen(fetch, list, needed=30), 20, 10)) == list(range(20, 30))
    assert depths == [64]
