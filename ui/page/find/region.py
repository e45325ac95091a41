"""The part of the uploaded picture that is searched with: dragged in the picture, or set by two sliders."""

from __future__ import annotations

import streamlit as st

from search import BadQuery, Region
from ui.page import state
from ui.page.i18n import tr
from ui.page.model.regions import SMALLEST, Borders, borders, marked_picture, read_region, write_region

from .frame import frame

_ACROSS, _DOWN = "region across", "region down"
_SMALL = 96  # pixels of the picture in its chip


def small(view: state.View, name: str, data: bytes) -> bytes:
    """Give the picture for its chip, with the part that counts marked."""
    return marked_picture(data, _region(view), name=name, longest_side=_SMALL)


def draw(view: state.View, name: str, data: bytes) -> None:
    """Draw the button and, behind it, the picture with its frame and the sliders; the URL is the truth."""
    region = _region(view)
    label = tr("Part of it") if region else tr("All of it")
    with st.popover(label, icon=":material/crop:", key="region", type="tertiary"):
        frame(
            marked_picture(data, None, name=name),
            None if region is None else borders(region),
            alt=tr("The picture, its part in a frame"),
            on_frame=_framed,
        )
        st.caption(tr("Drag a frame around what counts, or move the sliders."))
        across, down = borders(region)
        for key, ends, told in (
            (_ACROSS, across, tr("From left to right")),
            (_DOWN, down, tr("From top to bottom")),
        ):
            st.session_state[key] = ends
            st.slider(told, 0.0, 100.0, step=1.0, format="%.0f %%", key=key, on_change=_moved)
        st.caption(tr("At least {percent} % of each side counts.", percent=SMALLEST))
        if region is not None:
            st.button(
                tr("Search with all of it"),
                key="region-all",
                icon=":material/crop_free:",
                on_click=state.change,
                kwargs={"region": ""},
            )


def _region(view: state.View) -> Region | None:
    """Read the part; one that cannot be read counts as none here, and is told where the hits would be."""
    try:
        return read_region(view.region)
    except BadQuery:
        return None


def _framed(dragged: Borders) -> None:
    state.change(region=write_region(*dragged))


def _moved() -> None:
    state.change(region=write_region(st.session_state[_ACROSS], st.session_state[_DOWN]))
