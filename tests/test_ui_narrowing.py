"""The filter as widgets show it: what is chosen is read back, and what is not theirs stays as written."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer import Both, Compare, OneOf
from search import BadFilter, format_filter, parse_filter
from tests.condition_oracle import conditions
from ui.page.model.filter_choices import Choice, offered
from ui.page.model.filter_counts import counted
from ui.page.model.filter_widgets import (
    chosen,
    clauses,
    key_of,
    left_over,
    span,
    with_span,
    with_values,
    without,
)

BRAND = Choice(field="brand", sort="values")
TAGS = Choice(field="tags", sort="tags")
PRICE = Choice(field="price", sort="numbers", low=0.0, high=1000.0)
TAKEN = Choice(field="taken", sort="dates", low=date(2020, 2, 1), high=date(2026, 12, 31))
ALL = (BRAND, TAGS, PRICE, TAKEN)

wheres = conditions.map(format_filter) | st.just("")
values = st.lists(st.text(max_size=8) | st.integers(-50, 50) | st.booleans(), max_size=4, unique_by=key_of)
labels = st.lists(st.text("abcé -'\"()", min_size=1, max_size=6).filter(str.strip), max_size=3, unique=True)
numbers = st.integers(0, 1000).map(float) | st.floats(0, 1000, allow_nan=False)
days = st.integers(0, (TAKEN.high - TAKEN.low).days).map(lambda n: TAKEN.low + timedelta(n))


def meaning(where):
    """The outermost conditions, as a list that keeps its order."""
    if not where:
        return []
    condition = parse_filter(where)
    return list(condition.parts) if isinstance(condition, Both) else [condition]


@given(wheres)
@example("a=1 and b=2 or c=3")
@example("(a=1 and b=2) and c=3")
@example("(a=1 and b=2)")
@example("a='x and y'and b=2 AND(c=3)")
@example("a=1 and not b=2 and tag:'and'")
def test_clauses_put_together_mean_what_the_filter_means(where):
    parts = clauses(where)
    assert [parse_filter(part.text) for part in parts] == [part.condition for part in parts]
    joined = (
        parts[0].condition
        if len(parts) == 1
        else Both(parts=tuple(p.condition for p in parts))
        if parts
        else None
    )
    assert joined == (parse_filter(where) if where else None)


@given(wheres, values, labels, st.tuples(numbers, numbers).map(sorted), st.tuples(days, days).map(sorted))
def test_what_is_chosen_is_read_back_whatever_stood_there(where, brands, tags, prices, taken):
    where = without(where, BRAND)
    where = with_values(where, BRAND, brands)
    where = with_values(where, TAGS, tags)
    where = with_span(where, PRICE, *prices)
    where = with_span(where, TAKEN, *taken)
    assert where == "" or parse_filter(where)
    assert [key_of(value) for value in chosen(where, BRAND)] == [key_of(value) for value in brands]
    assert sorted(map(str, chosen(where, TAGS))) == sorted(tags)
    assert list(span(where, PRICE)) == prices
    assert list(span(where, TAKEN)) == taken


@given(wheres, values, st.tuples(numbers, numbers).map(sorted))
def test_a_widget_leaves_the_text_of_all_else_alone(where, brands, prices):
    for choice, changed in (
        (BRAND, with_values(where, BRAND, brands)),
        (PRICE, with_span(where, PRICE, *prices)),
    ):
        others = left_over(where, [choice])
        kept = iter(part.condition for part in clauses(changed))
        assert all(parse_filter(text) in kept for text in others), "all are still there, in their order"


@given(wheres)
def test_setting_what_is_shown_changes_no_meaning(where):
    for choice in (PRICE, TAKEN):
        assert meaning(with_span(where, choice, *span(where, choice))) == meaning(where)


def test_text_of_others_stays_to_the_letter():
    where = "brand = 'Nike'   and (colour=red OR  colour=blue) and price<80"
    assert with_values(where, BRAND, ["Puma", "New Balance"]) == (
        'brand in (Puma, "New Balance") and (colour=red OR  colour=blue) and price<80'
    )
    assert with_values(where, BRAND, []) == "(colour=red OR  colour=blue) and price<80"
    assert with_span(where, PRICE, 10.0, 80.0).endswith("price>=10 and price<80")


def test_an_or_is_put_into_parentheses_before_it_is_joined():
    assert with_values("a=1 or b=2", BRAND, ["Nike"]) == "(a=1 or b=2) and brand=Nike"
    assert left_over("a=1 or b=2", ALL) == ("a=1 or b=2",)


def test_what_widgets_cannot_show_is_listed_as_it_was_written():
    where = (
        "brand!=Nike and price>5 and price>7 and price=3 and tag:a and not tag:b and taken>2024-01-15T10:30"
    )
    assert left_over(where, ALL) == (
        *("brand!=Nike", "price>7", "price=3", "not tag:b", "taken>2024-01-15T10:30"),
    )


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("taken>2024", (date(2025, 1, 1), TAKEN.high)),
        ("taken>=2024-02", (date(2024, 2, 1), TAKEN.high)),
        ("taken<=2024-02", (TAKEN.low, date(2024, 2, 29))),
        ("taken<2024-02-10 and taken>2024-01", (date(2024, 2, 1), date(2024, 2, 9))),
        ("taken<1999", (TAKEN.low, TAKEN.low)),
        ("taken>9999", (TAKEN.low, TAKEN.high)),
    ],
)
def test_years_months_and_days_are_shown_as_days(where, shown):
    assert span(where, TAKEN) == shown


def test_a_bound_beyond_the_range_stays_while_the_other_end_moves():
    assert with_span("price<=5000", PRICE, 20.0, 1000.0) == "price>=20 and price<=5000"
    assert with_span("price>=20 and price<=50", PRICE, 0.0, 1000.0) == ""


def test_a_value_is_known_in_any_case_and_as_number_or_text():
    assert chosen("brand in (NIKE, 42, '42', nike)", BRAND) == ("NIKE", 42.0)
    assert clauses("brand in (NIKE)")[0].condition == OneOf(field="brand", values=("NIKE",))
    assert chosen("BRAND=true", BRAND) == ("true",)


def test_a_filter_that_cannot_be_read_is_refused():
    with pytest.raises(BadFilter):
        clauses("price<")


TABLE = "id,title,brand,price,taken,rare\n" + "".join(
    f"{n},thing {n},{'Nike' if n % 2 else 'Puma'},{n * 10},2024-01-{n + 1:02},{'x' if n == 3 else ''}\n"
    for n in range(12)
)


@pytest.fixture
def shop(tmp_path, index, collection):
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    index(tmp_path / "t.csv")
    return collection


def test_a_collection_offers_values_ranges_and_days(shop):
    found = {choice.field: choice for choice in offered(shop)}
    assert found["brand"].counts == (("Nike", 6), ("Puma", 6))
    assert (found["price"].sort, found["price"].low, found["price"].high) == ("numbers", 0, 110)
    assert (found["taken"].low, found["taken"].high) == (date(2024, 1, 1), date(2024, 1, 12))
    assert not {"origin", "modality", "added", "rare"} & found.keys(), "all are alike"


def test_counts_leave_out_the_choice_itself_but_nothing_else(shop):
    def counts(where):
        return {c.field: dict(c.counts) for c in counted(shop, offered(shop), where) if c.counts}

    assert counts("brand=Nike")["brand"] == {"Nike": 6, "Puma": 6}
    assert counts("brand=Nike and price<40")["brand"] == {"Nike": 2, "Puma": 2}
    assert counts("price<10 and brand in (Nike, Adidas)")["brand"] == {"Puma": 1, "Nike": 0, "Adidas": 0}


def test_every_count_is_what_the_filter_then_finds(shop):
    for choice in counted(shop, offered(shop), "price>=30"):
        for value, count in choice.counts:
            where = with_values("price>=30", choice, [value])
            assert len(shop.select(parse_filter(where))) == count
    assert Compare(field="price", operator=">=", value=30) == parse_filter("price>=30")
