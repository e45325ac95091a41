"""The library in time: how many items there are of each day, month or year; a click narrows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import streamlit as st

from indexer import binned
from ui.page import state
from ui.page.i18n import language, later, tr
from ui.page.model.listing import date_fields, members, span_of, when_of

from ..parts import facets, narrow
from ..parts.style import html, plain
from . import browse

_COLOUR = "#0f8a80"
_FEW = 10  # bars that would be as wide as walls
_UNITS = {"day": later("Items by day"), "month": later("Items by month"), "year": later("Items by year")}


def draw(view: state.View) -> None:
    """Draw the chart, and the items of the time that is chosen."""
    facets.draw(view)
    if narrow.tell_problem(view):
        return
    with st.container(horizontal=True, key="narrow", vertical_alignment="bottom", gap="medium"):
        browse.origins(view)
        _field(view)
    browse.tag_chip(view)
    collection, when = state.collection(), when_of(view.when)
    ids = members(collection, view)
    unit, bars = binned(collection.store.count_days(when, ids))
    _path(view)
    if bars:
        _bars(view, unit, bars)
        _choice(bars)
        undated = len(ids) - sum(count for _, count in bars)
        if undated > 0:
            st.caption(tr("{count:,} items have no date that can be read.", count=undated))
    browse.cards(view)


def _field(view: state.View) -> None:
    """Draw the choice of what counts as an item's date."""
    fields = date_fields(state.collection())
    if view.when not in fields:
        fields.append(view.when)
    st.session_state["when"] = view.when
    st.selectbox(
        tr("Date"),
        fields,
        format_func=lambda field: facets.name_of_field(field) if field else tr("Taken, else added"),
        key="when",
        help=tr("The date of a picture is that of its EXIF or its table; without one, that of indexing."),
        on_change=lambda: state.change(when=st.session_state["when"], during=""),
    )


def _bars(view: state.View, unit: str, bars: list[tuple[str, int]]) -> None:
    """Draw the chart; what is chosen in it becomes the view, so each choice has a new chart."""
    import altair as alt

    rows = [{"from": name, "label": told(name), "items": count} for name, count in bars]
    axis = alt.Axis(labelOverlap=True, labelAngle=0)
    width = 56 if len(bars) < _FEW else alt.Undefined
    hints = [alt.Tooltip("label:N", title=" "), alt.Tooltip("items:Q", title=tr("items"), format=",")]
    chart = (
        alt.Chart({"values": rows})
        .mark_bar(color=_COLOUR, cornerRadiusEnd=3, cursor="pointer", size=width)
        .encode(
            x=alt.X("label:O", sort=None, title=None, axis=axis),
            y=alt.Y("items:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=4)),
            tooltip=hints,
        )
        .add_params(alt.selection_point(name="bar", fields=["from"], on="click"))
        .properties(height=200)
    )
    ends = told(bars[0][0]), told(bars[-1][0])
    key = f"time-{view.when}-{view.during}-{unit}"
    st.altair_chart(
        chart,
        key=key,
        on_select=lambda: _selected(st.session_state[key]),
        alt=tr("{what}, from {first} to {last}", what=tr(_UNITS[unit]), first=ends[0], last=ends[1]),
    )


def _selected(event: Any) -> None:
    if during := clicked(event.get("selection", {})):
        state.change(during=during)


def clicked(selection: Mapping[str, Any]) -> str:
    """Read the time whose bar was clicked from the selection of the chart; empty for none."""
    names = (str(bar.get("from", "")) for bar in selection.get("bar", []))
    return next((name for name in names if span_of(name) is not None), "")


def _choice(bars: list[tuple[str, int]]) -> None:
    """Draw the same choice as a list, for who does not point."""
    filled = {name: count for name, count in bars if count}
    if len(filled) < 2:
        return
    st.session_state["bar"] = None
    st.selectbox(
        tr("Narrow to"),
        list(filled),
        format_func=lambda name: f"{told(name)} ({filled[name]:,})",
        key="bar",
        placeholder=tr("Click a bar, or choose here"),
        label_visibility="collapsed",
        on_change=lambda: state.change(during=st.session_state["bar"] or ""),
    )


def _path(view: state.View) -> None:
    """Draw the way back: all time, the year, the month."""
    span = span_of(view.during)
    if span is None:
        return
    with st.container(horizontal=True, key="time-path", vertical_alignment="center", gap="small"):
        steps = [""]
        if span.first == span.last:
            steps += [span.first[:length] for length in (4, 7) if length < len(span.first)]
        for step in steps:
            st.button(
                plain(told(step)) if step else tr("All time"),
                key=f"time-{step}",
                type="tertiary",
                icon=":material/chevron_left:",
                on_click=state.change,
                kwargs={"during": step},
            )
        st.html(html("strong", " - ".join(dict.fromkeys((told(span.first), told(span.last)))), "fm-page"))


def told(name: str) -> str:
    """Write ``2024``, ``2024-03`` or ``2024-03-05`` as people do."""
    if language() != "en":
        parts = name.split("-")
        return "".join(f"{int(part)}{unit}" for part, unit in zip(parts, "年月日", strict=False))
    if len(name) == 4:
        return name
    day = date.fromisoformat(name if len(name) == 10 else f"{name}-01")
    return f"{day.day} {day:%b %Y}" if len(name) == 10 else f"{day:%b %Y}"
