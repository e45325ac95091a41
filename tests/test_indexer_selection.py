"""A filter chooses what its meaning in plain Python chooses, and starves nobody (invariant 7)."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import Compare, ExactIndex, Has, Not, Period, Tagged, Tagging, number_of
from search import parse_filter
from tests.catalogues import all_items, catalogue, draft
from tests.colour_encoder import DIM
from tests.condition_oracle import attributes, conditions, holds
from tests.strategies import unit_rows


def chosen(collection, text):
    return collection.select(parse_filter(text)).tolist()


@settings(max_examples=10, deadline=None)
@given(st.lists(attributes, max_size=20), st.lists(conditions, min_size=20, max_size=40), st.data())
def test_a_condition_chooses_what_it_means(made, asked, data):
    with tempfile.TemporaryDirectory() as folder:
        collection = catalogue(Path(folder), made)
        tagged = data.draw(
            st.lists(st.tuples(st.integers(1, 20), st.sampled_from(["sale", "New", "summer sale"])))
        )
        collection.store.add_tags([Tagging(item_id=item_id, tag=tag) for item_id, tag in tagged])
        items = all_items(collection)
        for condition in asked:
            expected = [item.id for item in items if holds(condition, item)]
            assert collection.select(condition).tolist() == expected, condition
        collection.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    made = catalogue(
        tmp_path_factory.mktemp("shop"),
        [
            {"Brand": "Nike", "price": "$79.99", "taken": "2024-01-15T10:30:00"},
            {"Brand": "nike", "price": 80, "taken": "2024-02-01"},
            {"Brand": "New Balance", "price": "1.299,00 €", "sold": True},
            {"price": 12.5, "size": 42},
            {},
        ],
    )
    made.store.add_tags([Tagging(item_id=1, tag="Sale"), Tagging(item_id=5, tag="summer sale")])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        *(("price<80", [1, 4]), ("price<=80", [1, 2, 4]), ("price>1000", [3]), ("price=79.99", [1])),
        *(
            ("brand=NIKE", [1, 2]),
            ("brand!=nike", [3]),
            ("not brand=nike", [3, 4, 5]),
            ("brand>n", [1, 2, 3]),
        ),
        *(
            ("brand in (nike, 'new balance')", [1, 2, 3]),
            ("has:price", [1, 2, 3, 4]),
            ("not has:taken", [3, 4, 5]),
        ),
        *(("taken=2024-01", [1]), ("taken>2024-01", [2]), ("taken=2024", [1, 2]), ("taken<2024-01-16", [1])),
        *(("taken>=2024-01-15T10:30", [1, 2]), ("taken>2024-01-15T10:30", [2]), ("taken<=2024-02", [1, 2])),
        *(
            ("tag:SALE", [1]),
            ("tag:'summer sale'", [5]),
            ("not tag:sale and not tag:'Summer  Sale'", [2, 3, 4]),
        ),
        *(
            ("sold=true", [3]),
            ("size='42'", [4]),
            ("size=42", [4]),
            ("size<'9'", []),
            ("brand~n*e", [1, 2, 3]),
        ),
        *(
            ("path~*/2023/*3.PNG", [4]),
            ("origin=generated", []),
            ("modality=text", [5]),
            ("id in (2, 9)", [2]),
        ),
        *(("modality~*text*", [1, 4, 5]), ("width=640", [1, 2, 3, 4]), ("added>2024", [1, 2, 3, 4, 5])),
        *(
            ("nothing=1", []),
            ("nothing!=1", []),
            ("not nothing=1", [1, 2, 3, 4, 5]),
        ),
    ],
)
def test_a_filter_over_a_shop(shop, text, ids):
    assert chosen(shop, text) == ids


def test_a_repeated_filter_is_remembered_until_something_changes(tmp_path):
    collection = catalogue(tmp_path / "c", [{"price": 1}, {"price": 2}])
    cheap, sale = Compare(field="price", operator="<", value=2), Tagged(tag="sale")
    first = collection.select(cheap)
    assert collection.select(Compare(field="price", operator="<", value=2.0)) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 7
    assert collection.select(sale).tolist() == []
    collection.store.add_tags([Tagging(item_id=2, tag="sale")])
    assert collection.select(sale).tolist() == [2]
    collection.store.remove_tags(tag="sale")
    assert collection.select(sale).tolist() == []
    collection.store.write([draft(1, {"price": 1}, id=2, kept=frozenset({"image"}))])
    assert collection.select(cheap).tolist() == [1, 2]
    collection.store.remove([1])
    assert collection.select(cheap).tolist() == [2]
    assert collection.select(Not(part=Has(field="price"))).tolist() == []
    collection.close()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("12.99", 12.99), ("$12.99", 12.99), ("1,299 EUR", 1299), ("1.299,00 €", 1299), ("12,99", 12.99)),
        *(
            ("-5", -5),
            ("-$5", -5),
            ("$-5", -5),
            ("--5", None),
            (".5", 0.5),
            ("5.", None),
            ("1'200 CHF", 1200),
        ),
        *(("1 299,00 €", 1299), ("Rs. 500", 500), ("500 kr", 500), ("1.299.000", 1299000), ("1.299", 1.299)),
        *(("0042", None), ("1e5", None), ("12 cm", None), ("", None), ("€", None), ("1,29,9", None)),
        *(("9" * 500, None), ("٣", None), ("2024-01", None), ("inf", None), ("nan", None), ("0", 0)),
    ],
)
def test_prices_are_read_as_people_write_them(text, number):
    assert number_of(text) == number


@given(st.text(max_size=20))
def test_any_text_is_a_finite_number_or_none(text):
    number = number_of(text)
    assert number is None or np.isfinite(number)


@given(st.floats(-1e12, 1e12).map(lambda number: round(number, 2)))
def test_numbers_are_read_with_any_separators(number):
    plain = f"{number:.2f}"
    english = f"{number:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    for text in (plain, english, german, f"{english} EUR", f"€{english}", f"{german} €"):
        assert number_of(text) == float(plain), text


@pytest.mark.parametrize(
    "text", ["2024", "2024-13", "2024-02-30", "2024-1-1", "soon", "2024-01-15T10", "2024-01-15T10:30Z"]
)
def test_a_period_is_a_date_that_there_is(text):
    with pytest.raises(ValueError, match=r".+"):
        Period(text=text)


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    """1,500 items, of which all, a tenth, a hundredth, one and none satisfy a filter; some embeddings tie."""
    made = catalogue(tmp_path_factory.mktemp("spread"), [])
    rows = unit_rows(1_500, DIM, 5, repeats=3)
    drafts = [
        draft(
            number,
            {"part": number, "tenth": number % 10, "hundredth": number % 100, "thousandth": number % 1_000},
            embeddings={"image": rows[number]}
            if number % 4
            else {"image": rows[number], "text": rows[-number]},
        )
        for number in range(1_500)
    ]
    made.store.write(drafts)
    exact = {kind: ExactIndex(DIM) for kind in ("image", "text")}
    for kind, index in exact.items():
        index.add(*made.store.embeddings(kind))
    yield made, exact, all_items(made)
    made.close()


FILTERS = ["has:part", "tenth=3", "hundredth=7", "thousandth=7", "part=1499", "part=-1", "not tenth=3"]


@pytest.mark.parametrize("text", FILTERS)
def test_no_filter_starves_a_search(spread, text):
    """2,100 cases in all: seven filters, 300 queries each, few and many hits, half of them cut further."""
    collection, exact, items = spread
    condition = parse_filter(text)
    matching = {item.id for item in items if holds(condition, item)}
    rng = np.random.default_rng(FILTERS.index(text))
    for case in range(300):
        query = unit_rows(1, DIM, int(rng.integers(2**31)))[0]
        k = int(rng.choice([0, 1, 10, 100, 5_000], p=[0.05, 0.3, 0.4, 0.15, 0.1]))
        above = int(rng.integers(0, 1_500)) if case % 2 else 0
        narrowed = parse_filter(f"({text}) and id>{above}")
        wanted = np.array(sorted(i for i in matching if i > above), np.int64)
        allowed = collection.select(narrowed)
        np.testing.assert_array_equal(allowed, wanted)
        for kind, found in collection.search(query, k, allowed=allowed).items():
            scores, ids = exact[kind].search(query, k, wanted)
            np.testing.assert_array_equal(found.ids, ids)
            np.testing.assert_array_equal(found.scores, scores)
            assert len(found.ids) == min(k, len(set(wanted.tolist()) & set(exact[kind].ids().tolist())))
