"""Orders: each against Python's own sorting, with those that lack a value last."""

import numpy as np
import pytest

from indexer import Order
from tests.catalogues import all_items, catalogue, draft

PRICES = ["$12.50", "9", None, "1,299.00", "on request", "9"]


@pytest.fixture
def shop(tmp_path):
    made = catalogue(tmp_path / "shop", [{"price": price, "n": n} for n, price in enumerate(PRICES)])
    yield made
    made.close()


def by(shop, name, *, descending):
    return shop.store.arranged(Order(by=name, descending=descending)).tolist()


def test_the_newest_come_first_or_last(shop):
    assert by(shop, "added", descending=True) == [6, 5, 4, 3, 2, 1]
    assert by(shop, "added", descending=False) == [1, 2, 3, 4, 5, 6]


def test_prices_sort_as_numbers_then_words_then_nothing_either_way(shop):
    assert by(shop, "price", descending=False) == [6, 2, 1, 4, 5, 3]
    assert by(shop, "Price", descending=True) == [4, 1, 6, 2, 5, 3]


def test_a_field_that_nobody_has_leaves_the_newest_first(shop):
    assert by(shop, "colour", descending=False) == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("descending", [True, False])
def test_titles_sort_without_case_and_what_has_none_by_its_text_or_key(shop, descending):
    items = {item.id: item for item in all_items(shop)}
    names = {i: (item.title or item.text[:60] or item.key).casefold() for i, item in items.items()}
    wanted = sorted(sorted(names, reverse=True), key=lambda i: names[i], reverse=False)
    if descending:
        wanted = sorted(sorted(names, reverse=True), key=lambda i: names[i], reverse=True)
        groups = {}
        for i in sorted(names, reverse=True):
            groups.setdefault(names[i], []).append(i)
        wanted = [i for name in sorted(groups, reverse=True) for i in groups[name]]
    assert by(shop, "title", descending=descending) == wanted


def test_the_largest_picture_and_the_largest_file(collection):
    sizes = {"a": (10, 20, "300:1"), "b": (0, 0, "f3a:1"), "c": (40, 30, "5:2"), "d": (1, 1, "1200:7+9:1")}
    drafts = [
        draft(0, {}, key=key, width=width, height=height, fingerprint=print_)
        for key, (width, height, print_) in sizes.items()
    ]
    collection.store.write(drafts)
    assert by(collection, "pixels", descending=True) == [3, 1, 4, 2]
    assert by(collection, "bytes", descending=True) == [4, 1, 3, 2], "of a row of a table nobody knows it"


def test_an_order_follows_changes(shop):
    assert len(by(shop, "price", descending=True)) == 6
    shop.store.remove([4])
    assert by(shop, "price", descending=True) == [1, 6, 2, 5, 3]


def test_values_are_read_with_their_items(shop):
    ids, texts, numbers = shop.store.values("price")
    assert ids.tolist() == [1, 2, 4, 5, 6]
    assert texts == ["$12.50", "9", "1,299.00", "on request", "9"]
    assert np.array_equal(numbers, [12.5, 9, 1299, np.nan, 9], equal_nan=True)


def test_an_order_by_nothing_is_refused():
    with pytest.raises(ValueError, match="name of a field"):
        Order(by=" ")
