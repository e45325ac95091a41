"""Fields that no item has are told, with what was probably meant."""

from dataclasses import replace

import pytest

from search import Searcher, parse_filter, parse_query
from search.query.field_hints import field_warnings
from tests.catalogues import IMPORTED, catalogue, draft
from tests.colour_encoder import ColourEncoder


@pytest.mark.parametrize(
    ("asked", "known", "told"),
    [
        (["price"], ["Price"], ()),
        (["prise"], ["brand", "price"], ("No item has the field 'prise'; the nearest is 'price'.",)),
        (["zzz"], ["brand", "price"], ("No item has the field 'zzz'. There are: brand, price.",)),
        (["zzz"], [], ("No item has the field 'zzz'. There are: none.",)),
        (["zzz"], [f"f{n:02}" for n in range(20)], "There are: f00, f01, "),
    ],
)
def test_what_is_not_there_is_told_with_what_is(asked, known, told):
    found = field_warnings(asked, known)
    if isinstance(told, str):
        assert told in found[0]
        assert found[0].endswith("f11 and more.")
    else:
        assert found == told


@pytest.fixture
def searcher(tmp_path):
    collection = catalogue(tmp_path / "c", [])
    prices = enumerate((9, 120, 40))
    rows = [
        draft(n, {"Price": price}, title=f"red {n}", key=f"k{n}", provenance=IMPORTED) for n, price in prices
    ]
    collection.store.write(rows)
    yield Searcher(collection, ColourEncoder())
    collection.close()


def asked(searcher, *, where="", order="relevance"):
    condition = parse_filter(where) if where else None
    return searcher.search(replace(parse_query(["red"]), condition=condition, where=where, order=order))


def test_a_mistyped_filter_or_order_warns_and_a_right_one_does_not(searcher):
    warning = ("No item has the field 'prise'; the nearest is 'Price'.",)
    assert asked(searcher, where="prise < 80").warnings == warning
    assert asked(searcher, order="-prise").warnings == warning
    for right in ({"where": "price < 80"}, {"where": "price < 1"}, {"order": "price"}, {"order": "width"}):
        assert asked(searcher, **right).warnings == ()


def test_an_order_finds_its_field_whatever_the_case(searcher):
    assert [hit.item.attributes["Price"] for hit in asked(searcher, order="-price").hits] == [120, 40, 9]
