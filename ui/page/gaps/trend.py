"""How many queries went unanswered over time, as bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import streamlit as st

from indexer import Miss
from ui.page.i18n import later, tr

_MOST_DAYS = 60  # of a chart with a bar a day; a longer time has a bar a week
_MOST_WEEKS = 104
_NEW, _AGAIN = later("asked for the first time"), later("asked again")


def draw(misses: Sequence[Miss]) -> None:
    """Draw the chart; the log knows of each query when it was asked first and last."""
    unit, starts, new, again = counted(misses)
    if len(starts) < 2:
        return
    weekly, first, anew = unit == "week", tr(_NEW), tr(_AGAIN)
    told = tr("Unanswered queries by week") if weekly else tr("Unanswered queries by day")
    st.bar_chart(
        {"from": [_named(start, starts[-1]) for start in starts], first: new, anew: again},
        x="from",
        y=[first, anew],
        x_label="",
        y_label="",
        color=["#0f8a80", "#b9822b"],
        height=220,
        sort=False,
        alt=f"{told}: {sum(new):,} {first}, {sum(again):,} {anew}",
    )
    where = tr("Each stands where it was asked first and, if more than once, where it was asked last.")
    st.caption(f"{told}. {where}")


def _named(day: date, last: date) -> str:
    """Write a day without its year, if that is the year of the last one."""
    if day.year == last.year:
        return tr("{day.day} {day:%b}", day=day)
    return tr("{day.day} {day:%b %y}", day=day)


def counted(misses: Sequence[Miss]) -> tuple[str, list[date], list[int], list[int]]:
    """Count queries by day, or by week where that would be too many bars.

    Args:
        misses: the log.

    Returns:
        ``day`` or ``week``, the first days of all of them without a hole, and how many queries were asked
        for the first time and how many again.
    """
    days = [miss.first_at.date() for miss in misses] + [miss.last_at.date() for miss in misses]
    if not days:
        return "day", [], [], []
    weekly = (max(days) - min(days)).days > _MOST_DAYS
    step = 7 if weekly else 1
    start, end = _start(min(days), weekly), _start(max(days), weekly)
    start = max(start, end - timedelta(weeks=_MOST_WEEKS)) if weekly else start
    starts = [start + timedelta(days=step * n) for n in range((end - start).days // step + 1)]
    first = Counter(_start(miss.first_at.date(), weekly) for miss in misses)
    last = Counter(
        _start(miss.last_at.date(), weekly)
        for miss in misses
        if miss.times > 1 and miss.last_at.date() != miss.first_at.date()
    )
    return "week" if weekly else "day", starts, [first[day] for day in starts], [last[day] for day in starts]


def _start(day: date, weekly: bool) -> date:
    return day - timedelta(days=day.weekday()) if weekly else day
