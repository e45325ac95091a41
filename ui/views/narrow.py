"""The filter: a box behind a button, and what is wrong with what stands in it."""

from __future__ import annotations

import streamlit as st

from search import BadFilter, parse_filter
from ui import state

from .style import plain

_KEY = "where"


def draw(view: state.View) -> None:
    """Draw the button and, behind it, the box; it closes when a filter is understood."""
    if st.session_state.get(_KEY, "").strip() != view.where:
        st.session_state[_KEY] = view.where
    round_ = st.session_state.setdefault("filters", 0)  # a new one closes the box
    with st.popover("Filter", icon=":material/filter_alt:", key=f"filter-{round_}"):
        st.text_input(
            "Only items such as",
            key=_KEY,
            placeholder="price<80 and not tag:sale",
            on_change=_applied,
        )
        if wrong := problem(view.where):
            _tell(wrong)
        else:
            st.caption(
                "Compare fields with values: `price<80`, `brand in (Nike, Puma)`, `taken>2024-01`, "
                '`title~"*shoe*"`, `has:colour`, `tag:sale`. Join with `and`, `or`, `not`, `( )`.'
            )


def problem(where: str) -> BadFilter | None:
    """Say what is wrong with a filter; None if nothing is, or there is none."""
    try:
        if where:
            parse_filter(where)
    except BadFilter as error:
        return error
    return None


def tell_problem(view: state.View) -> bool:
    """Tell in place of the hits what is wrong with the filter; say whether anything is."""
    wrong = problem(view.where)
    if wrong is not None:
        _tell(wrong)
    return wrong is not None


def _tell(wrong: BadFilter) -> None:
    """Point at the character, which takes letters of one width."""
    reason = f"Cannot read the filter at character {wrong.position + 1}: {wrong.reason}."
    st.error(plain(reason), icon=":material/filter_alt_off:")
    st.code(f"{wrong.text}\n{' ' * wrong.position}^", language=None)


def _applied() -> None:
    where = st.session_state[_KEY].strip()
    if problem(where) is None:
        st.session_state["filters"] += 1
    state.change(where=where)
