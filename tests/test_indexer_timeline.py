"""Time: what is counted for a bar is what its condition selects."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import Span, When, binned, in_span
from tests.catalogues import catalogue

TAKEN = ["2023-12-31T23:59:59", "2024-01-01", None, "2024-01", "soon", "2024-03-05 10:00:00", "2024"]


@pytest.fixture
def album(tmp_path):
    made = catalogue(tmp_path / "album", [{"taken": taken} for taken in TAKEN])
    yield made
    made.close()


def today(album):
    return next(day for day in album.store.count_days(When(field="added")))


def test_each_item_is_counted_once_by_its_own_date_or_its_arrival(album):
    counts = album.store.count_days(When())
    assert sum(counts.values()) == len(TAKEN)
    assert counts == {
        "2023-12-31": 1,
        "2024-01": 1,
        "2024-01-01": 1,
        "2024-03-05": 1,
        today(album): 3,
    }


def test_without_arrival_what_has_no_date_is_not_counted(album):
    assert sum(album.store.count_days(When(else_added=False)).values()) == 4
    assert album.store.count_days(When(field="released", else_added=False)) == {}


def test_only_the_items_asked_for_are_counted(album):
    import numpy as np

    assert album.store.count_days(When(), np.array([1, 2])) == {"2023-12-31": 1, "2024-01-01": 1}
    assert album.store.count_days(When(), np.array([], np.int64)) == {}


@pytest.mark.parametrize("when", [When(), When(field="added"), When(else_added=False)])
def test_what_a_bar_counts_is_what_its_condition_selects(album, when):
    _, bars = binned(album.store.count_days(when))
    for name, count in bars:
        assert len(album.select(in_span(Span.parse(name), when))) == count, name
    whole = Span(first=bars[0][0], last=bars[-1][0])
    assert len(album.select(in_span(whole, when))) == sum(count for _, count in bars)


def test_a_long_time_is_told_in_years_that_select_what_they_count(tmp_path):
    album = catalogue(
        tmp_path / "old", [{"taken": taken} for taken in ("1990-02", "2001-12-31", "2001", 2001)]
    )
    when = When(else_added=False)
    unit, bars = binned(album.store.count_days(when))
    assert (unit, [bar for bar in bars if bar[1]]) == ("year", [("1990", 1), ("2001", 1)])
    assert len(album.select(in_span(Span.parse("2001"), when))) == 1
    album.close()


def test_days_months_and_years_by_how_long_it_lasts():
    assert binned({}) == ("day", [])
    assert binned({"2024-02-28": 2, "2024-03-01": 1})[1] == [
        ("2024-02-28", 2), ("2024-02-29", 0), ("2024-03-01", 1),
    ]  # fmt: skip
    assert binned({"2024-01": 2, "2024-02-01": 1}) == ("month", [("2024-01", 2), ("2024-02", 1)])
    unit, bars = binned({"1999-05-01": 1, "2024-03-01": 1})
    assert (unit, len(bars), bars[0]) == ("year", 26, ("1999", 1))
    assert binned({"2024-13-99": 4, "2024-02-03": 1})[1] == [("2024-02-03", 1)]


def test_spans_are_read_written_and_bounded():
    assert str(Span.parse("2024-02")) == "2024-02"
    assert (Span.parse("2024-02").start, Span.parse("2024-02").end) == (date(2024, 2, 1), date(2024, 2, 29))
    assert str(Span.parse("2023 .. 2024-12-05")) == "2023..2024-12-05"
    assert Span.parse("2024..2024-12").end == date(2024, 12, 31)
    assert Span.parse("9999-12").end == date(9999, 12, 31)


@pytest.mark.parametrize("text", ["", "x", "24", "2024-13", "2024-02-30", "2024-03..2024-01", "..", "2024-1"])
def test_what_is_no_stretch_of_time_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a|is before|[Ii]nvalid|must be in|out of range"):
        Span.parse(text)


@given(st.dictionaries(st.dates().map(date.isoformat), st.integers(1, 5), max_size=20))
def test_no_item_is_lost_in_bars(days):
    _, bars = binned(days)
    assert sum(count for _, count in bars) == sum(days.values())
    assert [name for name, _ in bars] == sorted({name for name, _ in bars})
