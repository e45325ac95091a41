"""The choice of how large the pictures of a grid are."""

from __future__ import annotations

import streamlit as st

from ui.page import state
from ui.page.i18n import later, tr

_KEY = "size"
_NAMES = {"small": later("Small"), "": later("Medium"), "large": later("Large")}


def draw(view: state.View) -> None:
    """Draw the choice; the URL is the truth."""
    st.session_state[_KEY] = view.size
    st.segmented_control(
        tr("Size of the pictures"),
        list(state.SIZES),
        format_func=lambda size: tr(_NAMES[size]),
        key=_KEY,
        required=True,
        label_visibility="collapsed",
        on_change=_sized,
    )


def _sized() -> None:
    state.change(size=st.session_state[_KEY] or "")
