"""Gaps: what was sought and is not here, the most wanted first; to fill, to export, to forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from indexer import CollectionNotFound, FindmakeError
from ui.page import state
from ui.page.i18n import later, tr

from ..parts import provenance
from ..parts.style import html, plain
from . import gap_actions, gap_rows, trend

if TYPE_CHECKING:
    from generation import Gap

_STATES = (later("All"), later("Open"), later("Filled"), later("Tried"))
_NOTHING = later(
    "Nothing is lacking yet. Searches that nothing here answers are remembered, by what was sought and how "
    "often, never by whom; they are listed here, the most wanted first."
)


def draw() -> None:
    """Draw the page."""
    try:
        state.collection()
    except CollectionNotFound as error:
        st.info(plain(str(error)), icon=":material/info:")
        return
    try:
        _draw()
    except FindmakeError as error:
        st.error(plain(str(error)), icon=":material/error:")


def _draw() -> None:
    st.html(html("h2", tr("What was sought and is not here"), "fm-headline"))
    provenance.told()
    found = _gaps()
    if not found:
        st.info(tr(_NOTHING), icon=":material/playlist_add:")
        gap_actions.work()
        return
    _figures(found)
    trend.draw(state.collection().store.misses())
    gap_actions.work()
    shown = _chosen(found)
    offset = (state.view().page - 1) * gap_rows.PAGE_SIZE
    page = shown[offset : offset + gap_rows.PAGE_SIZE]
    if not page:
        st.info(tr("No gap is in this state."), icon=":material/info:")
    picked = gap_rows.draw(page)
    gap_rows.paging(more=len(shown) > offset + len(page))
    gap_actions.fill(picked)
    gap_actions.export_and_forget(found, picked)


def _gaps() -> list[Gap]:
    """Find the gaps, unless nothing has changed since that was done."""
    from generation import find_gaps

    collection = state.collection()
    asked = sum(miss.times for miss in collection.store.misses())
    at = collection.store.revision(), asked, str(collection.store.meta("gap_attempts"))
    known: tuple[object, list[Gap]] | None = st.session_state.get("gaps")
    if known is None or known[0] != at:
        known = at, find_gaps(collection)
        st.session_state["gaps"] = known
    return known[1]


def _figures(found: list[Gap]) -> None:
    figures = {
        tr("Gaps"): len(found),
        tr("Open"): sum(gap.is_open for gap in found),
        tr("Filled"): sum(bool(gap.filled_by) for gap in found),
        tr("Asked in vain"): sum(gap.times for gap in found),
    }
    with st.container(horizontal=True, key="figures"):
        for label, value in figures.items():
            st.metric(label, f"{value:,}", border=True)


def _chosen(found: list[Gap]) -> list[Gap]:
    wanted = st.segmented_control(
        tr("Show"),
        _STATES,
        default=_STATES[0],
        format_func=tr,
        key="gap state",
        label_visibility="collapsed",
        required=True,
    )
    if wanted == "Open":
        return [gap for gap in found if gap.is_open]
    if wanted == "Filled":
        return [gap for gap in found if gap.filled_by]
    if wanted == "Tried":
        return [gap for gap in found if gap.attempt is not None and not gap.filled_by]
    return found
