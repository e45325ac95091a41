"""Words are found in pieces and scored in ranges, and the answers are those of one look at all of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.storage.fulltext import bm25, fts5, match
from tests.catalogues import GENERATED, IMPORTED, catalogue, draft

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
        patch.setattr(match, "_SCORED", scored)
        expected = store.match_words(**asked)
        for name, value in small.items():
            patch.setattr(fts5, name, value)
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
        patch.setattr(match, "_SCORED", 1)  # only the rarest word's first item is looked at
        assert store.match_words(["red", "blue"], 1, every=False, allowed=None)[0].tolist() == [4]
        add(4, 9, "blue")
        assert store.match_words(["red", "blue"], 1, every=False, allowed=None)[0].tolist() == [1]
    collection.close()


def counts_of(held):
    return fts5.Counts(total=ITEMS, held=held)


def test_the_memory_of_counts_has_an_end(store):
    counts = counts_of({})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(match, "_COUNTED", 5)
        with store._db.reading() as connection:
            for number in range(40):
                told = {"every": False, "allowed": None, "counts": counts}
                match.match_words(connection, [f"w{number}", "red"], 5, **told)
                assert len(counts.held) <= 5 + 3


class Forgetful(dict):
    """Emptied by another thread as soon as anything was put into it."""

    def update(self, *given):
        super().update(*given)
        self.clear()


def test_counts_that_are_forgotten_meanwhile_do_no_harm(store):
    with store._db.reading() as connection:
        told = {"every": False, "allowed": None}
        ids, _ = match.match_words(connection, ["rare", "red"], 5, **told, counts=counts_of(Forgetful()))
        kept, _ = match.match_words(connection, ["rare", "red"], 5, **told, counts=counts_of({}))
    np.testing.assert_array_equal(ids, kept)
    assert len(ids) == 5


# -- common words ------------------------------------------------------------------------------------------


@pytest.fixture
def few_are_common(monkeypatch):
    """Words that more than twelve items hold count as common."""
    for module in (bm25, fts5):
        monkeypatch.setattr(module, "COMMON", 12)


@pytest.mark.parametrize("words", [["red"], ["red", "rare"], ["rare", "blue", "red"], ["red", "oak", "lamp"]])
def test_who_holds_common_words_is_the_same_before_and_after_it_is_remembered(
    tmp_path, few_are_common, words
):
    collection = catalogue(tmp_path / "c", [])
    held = [
        ["red"] * (n % 2) + ["blue"] * (n % 3 > 0) + ["rare"] * (n % 9 == 0) + ["oak", "lamp"]
        for n in range(60)
    ]
    collection.store.write(
        [
            draft(n, {}, title=" ".join(each), text="", key=f"k{n}", provenance=IMPORTED)
            for n, each in enumerate(held)
        ]
    )
    expected = {n + 1 for n, each in enumerate(held) if set(words) <= set(each)}
    for allowed in (None, np.arange(7, 55, 2)):
        wanted = expected if allowed is None else expected & set(allowed.tolist())
        found = [collection.store.match_words(words, 100, every=True, allowed=allowed) for _ in range(4)]
        for ids, scores in found:
            assert set(ids.tolist()) == wanted
            np.testing.assert_array_equal(scores, found[0][1])
            np.testing.assert_array_equal(ids, found[0][0])
    collection.close()


def test_a_common_word_adds_what_one_occurrence_adds(tmp_path, monkeypatch):
    collection = catalogue(tmp_path / "c", [])
    texts = [["red", "plain"][n % 2] + (" rare" if n % 8 == 0 else " stone") for n in range(80)]
    collection.store.write(
        [
            draft(n, {}, title="", text=text, key=f"k{n:02}", path=f"/p/{n:02}.png", provenance=IMPORTED)
            for n, text in enumerate(texts)
        ]
    )  # all of one length: an occurrence adds exactly the word's idf
    worth = {n: bm25.idf(n, 80) for n in (10, 40)}
    whole = collection.store.match_words(["red", "rare"], 100, every=True, allowed=None)
    for module in (bm25, fts5):
        monkeypatch.setattr(module, "COMMON", 12)
    brief = collection.store.match_words(["red", "rare"], 100, every=True, allowed=None)
    np.testing.assert_array_equal(brief[0], whole[0])
    np.testing.assert_allclose(brief[1], whole[1], rtol=1e-6)
    # "rare" counts twice, as a word and as a beginning
    np.testing.assert_allclose(brief[1], worth[40] + 2 * worth[10], rtol=1e-6)
    collection.close()


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=9))
def test_the_rarest_word_is_always_scored(held):
    tells = bm25.telling(held)
    assert tells[int(np.argmin(held))]
    assert all(told or count > bm25.COMMON for told, count in zip(tells, held, strict=True))


def test_what_is_left_of_none_is_worth_next_to_nothing():
    assert bm25.idf(101, 100) == bm25.idf(100, 100) == pytest.approx(1e-6)


def test_what_stands_apart_does_not_make_words_rarer(tmp_path, few_are_common):
    collection = catalogue(tmp_path / "c", [])

    def add(count, first, **values):
        return collection.store.write(
            [
                draft(n, {}, title="red oak lamp", text="", key=f"k{n}", **values)
                for n in range(first, first + count)
            ]
        )

    add(20, 0, provenance=IMPORTED)
    add(20, 20, provenance=GENERATED)
    before = collection.store.match_words(["red", "oak"], 50, every=True, allowed=None)
    add(60, 40, provenance=GENERATED)
    after = collection.store.match_words(["red", "oak"], 50, every=True, allowed=None)
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    collection.close()


def test_a_word_that_another_thread_remembers_meanwhile_still_counts(tmp_path, few_are_common):
    collection = catalogue(tmp_path / "c", [])
    titles = ["red oak" if n % 2 else "oak" for n in range(60)]
    collection.store.write(
        [
            draft(n, {}, title=title, text="", key=f"k{n}", provenance=IMPORTED)
            for n, title in enumerate(titles)
        ]
    )

    class Filling(dict):
        """Told of a word between two looks."""

        def get(self, word, default=None):
            found = super().get(word, default)
            self.setdefault('"oak"', bits)
            return found

    bits = np.packbits(np.arange(64) > 0, bitorder="little")
    counts = fts5.Counts(total=60, held={}, holders=Filling())
    with collection.store._db.reading() as connection:
        for _ in range(2):
            ids, _scores = match.match_words(
                connection, ["oak", "red"], 60, every=True, allowed=None, counts=counts
            )
            assert ids.tolist() == [n + 1 for n in range(60) if n % 2]
    collection.close()
