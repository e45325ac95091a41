"""Facets count what a plain count counts."""

from collections import Counter

import numpy as np
import pytest

from indexer import Facet, Tagging
from tests.catalogues import catalogue


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    made = catalogue(
        tmp_path_factory.mktemp("shop"),
        [
            {
                "Brand": ["Nike", "Puma", "nike", "New Balance"][number % 4],
                "price": f"${number}.50" if number % 2 else number,
                "size": number % 3,
                "sku": f"AB-{number:04}",
                "taken": f"2024-01-{number % 28 + 1:02} 10:30",
                "sold": number % 2 == 0,
            }
            for number in range(40)
        ],
    )
    made.store.add_tags([Tagging(item_id=i, tag=tag) for i in range(1, 11) for tag in ("sale", f"t{i % 2}")])
    made.store.add_tags([Tagging(item_id=1, tag="sale", source="m")])
    yield made
    made.close()


def test_values_by_count_then_name_and_ranges_where_there_are_many(shop):
    facets = shop.store.facets()
    assert list(facets) == ["tags", "origin", "modality", "Brand", "price", "size", "sold", "taken"]
    assert facets["Brand"] == Facet(
        values=(("Nike", 20), ("New Balance", 10), ("Puma", 10)), items=40, distinct=3
    )
    assert facets["size"].values == ((0, 14), (1, 13), (2, 13))
    assert facets["sold"].values == ((False, 20), (True, 20))
    assert facets["price"] == Facet(values=(), items=40, distinct=40, low=0, high=39.5)
    assert (facets["taken"].low, facets["taken"].high) == ("2024-01-01T10:30", "2024-01-28T10:30")
    assert facets["tags"] == Facet(values=(("sale", 10), ("t0", 5), ("t1", 5)), items=10, distinct=3)
    assert facets["origin"].values == (("imported", 35), ("generated", 5))


def test_only_some_items_and_some_fields(shop):
    ids = np.array([1, 2, 3, 11, 999])
    facets = shop.store.facets(ids, ["brand", "tags", "sku", "nothing", "title"], limit=2)
    assert list(facets) == ["brand", "tags", "sku", "title"]
    assert facets["brand"].values == (("Nike", 3), ("Puma", 1))
    assert facets["tags"].values == (("sale", 3), ("t1", 2))
    assert facets["sku"] == Facet(values=(("AB-0000", 1), ("AB-0001", 1)), items=4, distinct=4)
    assert shop.store.facets(np.array([], np.int64)) == {}


@pytest.mark.parametrize("field", ["Brand", "size", "modality"])
def test_counts_equal_plain_counts(shop, field):
    ids = np.arange(1, 41, 3)
    items = shop.store.items(ids.tolist())
    plain = Counter(
        str(item.modality if field == "modality" else item.attributes[field]).lower() for item in items
    )
    facet = shop.store.facets(ids, [field])[field]
    assert {str(value).lower(): count for value, count in facet.values} == plain


def test_the_fields_are_listed(shop):
    built_in = {"added", "height", "modality", "origin", "path", "title", "width"}
    assert set(shop.store.fields()) == built_in | {"Brand", "price", "size", "sku", "sold", "taken"}
