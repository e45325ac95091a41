"""Words find what holds them, whatever the string; article numbers are found exactly."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer import Tagging
from search import keyword_search
from tests.catalogues import IMPORTED, catalogue, draft


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    made = catalogue(tmp_path_factory.mktemp("shop"), [])
    made.store.write(
        [
            draft(0, {"sku": "AB-1234/X", "ean": 4006381333931}, title="Red running shoe", text=""),
            draft(1, {"sku": "AB-1234/Y"}, title="Shoe box", text="holds a red shoe, and another shoe"),
            draft(2, {"sku": "1234"}, title="Blue café chair", text="", path="/photos/IMG_4711.jpg"),
            draft(3, {"brand": "New Balance"}, title="Shoes", text="", key="/shop.csv#ZX-9"),
            draft(4, {"sold": True, "price": 19.99}, title="Boots", text=""),
        ]
    )
    made.store.add_tags([Tagging(item_id=5, tag="summer sale")])
    yield made
    made.close()


def ids(collection, text, limit=10, **options):
    return [item_id for item_id, _ in keyword_search(collection, text, limit, **options)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("AB-1234/X", [1]), ("ab-1234/x", [1]), ("AB-1234", [1, 2]), ("1234", [1, 2, 3]), ("1234/X", [1])),
        *(("4006381333931", [1]), ("4006381333", [1]), ("ZX-9", [4]), ("img_4711.jpg", [3]), ("4711", [3])),
        *(("cafe", [3]), ("CAFÉ chair", [3]), ("caf", [3]), ("new balance", [4]), ("summer sale", [5])),
        *(("red shoe", [1, 2]), ("red sho", [1, 2]), ("blue boots", [3, 5]), ("tractor", []), ("true", [])),
        *(("", []), ("  \t", []), ("-- / !", []), ("& shoe's*", []), ('"red" (shoe)', [1, 2])),
    ],
)
def test_words_find_what_holds_them(shop, text, found):
    answer = ids(shop, text)
    assert sorted(answer) == sorted(found)
    if text != "blue boots":  # as good as each other
        assert answer[:1] == found[:1]


def test_a_whole_word_stands_before_the_beginning_of_one(shop):
    assert set(ids(shop, "shoe")) == {1, 2, 4}
    assert ids(shop, "shoe")[-1] == 4  # "Shoes"


def test_scores_fall_and_equal_ones_are_ordered_by_id(tmp_path):
    collection = catalogue(tmp_path / "c", [])
    collection.store.write(
        [
            draft(n, {}, title="shoe", text="", path=None, key=f"k{n:03}", provenance=IMPORTED)
            for n in range(9)
        ]
    )
    found = keyword_search(collection, "shoe", 9)
    assert [item_id for item_id, _ in found] == list(range(1, 10))
    assert len({score for _, score in found}) == 1
    assert keyword_search(collection, "shoe", 3) == found[:3]
    assert keyword_search(collection, "shoe", 0) == []
    with pytest.raises(ValueError, match="at least 0"):
        keyword_search(collection, "shoe", -1)
    collection.close()


def test_only_allowed_items_are_found_and_none_of_them_is_crowded_out(tmp_path):
    """Far more items hold the words than are ever scored, and the allowed ones are the last."""
    collection = catalogue(tmp_path / "c", [])
    collection.store.write(
        [draft(n, {}, title="", text="red shoe number", provenance=IMPORTED) for n in range(1_500)]
    )
    collection.store.write([draft(1_500, {}, title="red", text="") for _ in "a"])
    allowed = np.arange(1_480, 1_490)
    assert ids(collection, "red shoe", 50, allowed=allowed) == allowed.tolist()
    assert ids(collection, "tractor shoe", 50, allowed=allowed) == allowed.tolist()
    assert len(ids(collection, "shoe", 5_000)) == 1_500
    assert ids(collection, "red", 1) == [1_501]  # in its title
    assert ids(collection, "shoe", 10, allowed=np.array([1_501])) == []
    collection.close()


def test_the_index_follows_every_change(tmp_path):
    collection = catalogue(tmp_path / "c", [])
    store = collection.store
    [item_id] = store.write([draft(0, {"brand": "Nike"}, title="Red shoe", text="")])
    store.add_tags([Tagging(item_id=item_id, tag="sale")])
    assert ids(collection, "sale") == ids(collection, "nike") == [item_id]
    kept = {"id": item_id, "embeddings": {}, "kept": frozenset({"image", "text"})}
    store.write([draft(0, {"brand": "Puma"}, title="Blue shoe", text="", **kept)])
    assert ids(collection, "nike") == ids(collection, "red") == []
    assert ids(collection, "puma blue sale") == [item_id]
    store.remove_tags([item_id])
    assert ids(collection, "sale") == []
    store.remove([item_id])
    assert ids(collection, "blue") == []
    collection.close()


syntax = st.sampled_from(
    [
        "AND",
        "OR",
        "NOT",
        "NEAR(",
        ")",
        "(",
        '"',
        "*",
        "^",
        ":",
        "title:",
        "-",
        "+",
        "{title}",
        "shoe",
        "'",
        ";",
        "\0",
    ]
)


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=40), st.lists(syntax, max_size=10).map(" ".join), st.lists(syntax).map("".join)
    )
)
@example("\ud800")
@example('" OR rowid > 0 --')
@example("\u0300")
@example("²³")
@example("x " * 500)
def test_any_string_is_safe(shop, text):
    for allowed in (None, np.array([2, 4])):
        found = keyword_search(shop, text, 10, allowed=allowed)
        assert all(score > 0 for _, score in found)
        assert allowed is None or {item_id for item_id, _ in found} <= {2, 4}


words = st.text("bcé", min_size=1, max_size=3)  # no article: those are not sought


@settings(max_examples=25, deadline=None)
@example(titles=["éc"], asked=["é", "é"])
@example(titles=["be cc", "b ccb", "b cc"], asked=["b", "cc", "b"])
@given(titles=st.lists(words, min_size=1, max_size=4), asked=st.lists(words, min_size=1, max_size=3))
def test_all_words_are_found_if_any_item_has_them_all(tmp_path_factory, titles, asked):
    collection = catalogue(tmp_path_factory.mktemp("c"), [])
    plain = {"text": "", "path": None}
    made = [" ".join(titles), " ".join(asked), *titles]
    collection.store.write([draft(0, {}, title=title, key=f"/{n}", **plain) for n, title in enumerate(made)])
    bare = str.maketrans("é", "e")

    def has_all(title):
        parts = title.translate(bare).split()
        *whole, last = [word.translate(bare) for word in asked]
        return set(whole) <= set(parts) and any(part.startswith(last) for part in parts)

    expected = {n + 1 for n, title in enumerate(made) if has_all(title)}
    assert set(ids(collection, " ".join(asked), 100)) == expected
    collection.close()
