"""Order within the hits by an attribute."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from search.ranking.reorder import order_by

numbers = st.one_of(st.integers(-(10**400), 10**400), st.floats(allow_nan=False), st.booleans())
dates = st.datetimes(timezones=st.none()).map(lambda moment: moment.isoformat())
missing = st.sampled_from([None, "", "  ", float("nan")])


def is_missing(value):
    return value in (None, "") or str(value).strip() in ("", "nan")


def naive(values, key, descending):
    """Sort by insertion: each value goes behind all that must not follow it."""
    known = [i for i in range(len(values)) if not is_missing(values[i])]
    order = []
    for i in known:
        after = [
            place
            for place, j in enumerate(order)
            if (key(values[j]) < key(values[i]) if descending else key(values[j]) > key(values[i]))
        ]
        order.insert(after[0] if after else len(order), i)
    return order + [i for i in range(len(values)) if is_missing(values[i])]


@given(st.lists(numbers | missing), st.booleans())
def test_numbers_go_by_size_and_missing_ones_come_last(values, descending):
    assert order_by(values, descending=descending) == naive(values, lambda value: value, descending)


@given(st.lists(dates | missing), st.booleans())
def test_dates_go_by_time(values, descending):
    assert order_by(values, descending=descending) == naive(values, datetime.fromisoformat, descending)


@given(st.lists(st.sampled_from(["Nike", "nike", "adidas", "Puma", "1 shoe", None, " "])), st.booleans())
def test_texts_go_by_letters_whatever_their_case(values, descending):
    assert order_by(values, descending=descending) == naive(values, str.lower, descending)


@given(st.lists(numbers | dates | missing | st.text(), max_size=30), st.booleans())
def test_any_mixture_has_one_order(values, descending):
    order = order_by(values, descending=descending)
    assert sorted(order) == list(range(len(values)))
    again = order_by([values[i] for i in order], descending=descending)
    assert again == list(range(len(values)))


def test_dates_of_all_kinds_stand_in_one_order():
    values = [
        "2024-03-01T00:30:00+02:00",  # the last evening of February in UTC
        "2024-03",
        date(2024, 2, 28),
        datetime(2024, 2, 29, 23, 0, tzinfo=UTC),
        "2024-02-30",  # no such day: a text
        7,
        "2024",
    ]
    assert order_by(values) == [5, 6, 2, 0, 3, 1, 4]  # a year alone is a number


def test_prices_as_tables_write_them_go_by_size():
    assert order_by(["1,299.00", "12,50", 100, "9,90", "on request", "€79.90"]) == [3, 1, 5, 2, 0, 4]


def test_equal_prices_keep_the_order_of_relevance_in_both_directions():
    prices = [10, 5.0, None, 10.0, 5]
    assert order_by(prices) == [1, 4, 0, 3, 2]
    assert order_by(prices, descending=True) == [0, 3, 1, 4, 2]
