"""Library: everything in the collection: its items, in time, by tag, its duplicates, and as a map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import streamlit as st

from indexer import CollectionNotFound, FindmakeError
from ui.page import state
from ui.page.i18n import later, retold, tr
from ui.page.model.listing import ORIGINS

from ..parts import detail, provenance
from ..parts.style import plain
from . import atlas, browse, duplicates, tags, timeline

_PARTS: dict[str, tuple[str, str, Callable[[state.View], None]]] = {
    "": (later("Items"), ":material/grid_view:", browse.draw),
    "timeline": (later("Timeline"), ":material/calendar_month:", timeline.draw),
    "tags": (later("Tags"), ":material/label:", tags.draw),
    "duplicates": (later("Duplicates"), ":material/content_copy:", duplicates.draw),
    "map": (later("Map"), ":material/scatter_plot:", atlas.draw),
}


def draw() -> None:
    """Draw the page."""
    here = Path(__file__).parent
    for sheet in (here.parent / "find" / "find.css", here / "library.css"):
        st.html(sheet)
    try:
        _draw()
    except CollectionNotFound as error:
        st.info(plain(retold(str(error))), icon=":material/info:")
    except FindmakeError as error:
        st.error(plain(retold(str(error))), icon=":material/error:")


def _draw() -> None:
    view = state.view()
    state.collection()
    if view.origin not in ORIGINS:
        view = replace(view, origin="")
    provenance.told()
    _choose_part(view)
    detail.draw(view)
    _PARTS[view.show][2](view)


def _choose_part(view: state.View) -> None:
    """Draw the choice of what to see; the URL is the truth."""
    st.session_state["show"] = view.show
    st.segmented_control(
        tr("Part of the library"),
        list(_PARTS),
        format_func=lambda part: f"{_PARTS[part][1]} {tr(_PARTS[part][0])}",
        key="show",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: state.change(show=st.session_state["show"] or ""),
    )
