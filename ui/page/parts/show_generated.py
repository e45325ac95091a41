"""The switch that shows what was made here and not promoted, where there is any."""

from __future__ import annotations

import streamlit as st

from ui.page import state
from ui.page.i18n import tr

_KEY = "generated"


def draw(view: state.View) -> None:
    """Draw the switch, unless nothing stands apart."""
    apart = len(state.collection().store.apart())
    if not apart and not view.generated:
        return
    st.session_state[_KEY] = view.generated
    with st.container(horizontal=True, key="made", gap="small"):
        st.toggle(tr("Show generated ({count:,} apart)", count=apart), key=_KEY, on_change=_turned)


def _turned() -> None:
    state.change(generated=bool(st.session_state[_KEY]))
