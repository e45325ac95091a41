"""Words are found in pieces and scored in ranges, and the answers are those of one look at all of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import matching
from tests.catalogues import IMPORTED, catalogue, draft

WORDS = ("red", "blue", "shoe", "shoebox", "oak", "lamp", "rare")
ITEMS = 120


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    collection = catalogue(tmp_path_factory.mktemp("words") / "c", [])
    rng = np.random.default_rng(0)
    chances = np.array([8, 6, 6, 4, 4, 3, 0.2])
    drafts = []
    for number in range(ITEMS):
        title, text = (" ".join(rng.choice(WORDS, size, p=chances / chances.sum())) for size in (2, 4))
        drafts.append(draft(number, {}, title=title, text=text, key=f"k{number}", provenance=IMPORTED))
    collection.store.write(drafts)
    yield collection.store
    collection.close()


ASKED = st.fixed_dictionaries(
    {
        "words": st.lists(st.sampled_from([*WORDS, "sho", "tractor"]), min_size=1, max_size=4),
        "limit": st.integers(1, 40),
        "every": st.booleans(),
        "allowed": st.none()
        | st.sets(st.integers(1, ITEMS), max_size=60).map(lambda ids: np.array(sorted(ids), np.int64)),
    }
)
SMALL = st.fixed_dictionaries(
    {
        "_FIRST": st.integers(1, 9),
        "_GROWTH": st.integers(2, 3),
        "_FAR": st.integers(1, 20),
        "_CUTS": st.integers(0, 4),
    }
)


@settings(max_examples=150, deadline=None)
@given(asked=ASKED, scored=st.integers(1, 60), small=SMALL)
def test_pieces_and_ranges_change_nothing(store, asked, scored, small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_SCORED", scored)
        expected = store.match_words(**asked)
        for name, value in small.items():
            patch.setattr(matching, name, value)
        found = store.match_words(**asked)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    assert asked["allowed"] is None or np.isin(found[0], asked["allowed"]).all()


def test_counts_are_forgotten_when_anything_changes(tmp_path):
    collection = catalogue(tmp_path / "c", [])
    store = collection.store

    def add(first, count, title):
        store.write(
            [
                draft(number, {}, title=title, text="", key=f"k{number}", provenance=IMPORTED)
                for number in range(first, first + count)
            ]
        )

    add(0, 3, "red")
    add(3, 1, "blue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_SCORED", 1)  # only the rarest word's first item is looked at
        assert store.match_words(["red", "blue"], 1, every=False, allowed=None)[0].tolist() == [4]
        add(4, 9, "blue")
        assert store.match_words(["red", "blue"], 1, every=False, allowed=None)[0].tolist() == [1]
    collection.close()


def test_the_memory_of_counts_has_an_end(store):
    counts = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_COUNTED", 5)
        with store._db.reading() as connection:
            for number in range(40):
                told = {"every": False, "allowed": None, "counts": counts}
                matching.match_words(connection, [f"w{number}", "red"], 5, **told)
                assert len(counts) <= 5 + 3


class Forgetful(dict):
    """Emptied by another thread as soon as anything was put into it."""

    def update(self, *given):
        super().update(*given)
        self.clear()


def test_counts_that_are_forgotten_meanwhile_do_no_harm(store):
    with store._db.reading() as connection:
        told = {"every": False, "allowed": None}
        ids, _ = matching.match_words(connection, ["rare", "red"], 5, **told, counts=Forgetful())
        kept, _ = matching.match_words(connection, ["rare", "red"], 5, **told, counts={})
    np.testing.assert_array_equal(ids, kept)
    assert len(ids) == 5
