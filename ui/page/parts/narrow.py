"""The filter as text: a box for it, and what is wrong with what stands there."""

from __future__ import annotations

import streamlit as st

from search import BadFilter, parse_filter
from ui.page import state
from ui.page.i18n import later, retold, tr

from .style import plain

_KEY = "where"
_HELP = later(
    "Compare fields with values: `price<80`, `brand in (Nike, Puma)`, `taken>2024-01`, "
    '`title~"*shoe*"`, `has:colour`, `tag:sale`. Join with `and`, `or`, `not`, `( )`.'
)


def draw(view: state.View) -> None:
    """Draw the box; what stands in it is what the widgets around it have put together, and may be edited."""
    if st.session_state.get(_KEY, "").strip() != view.where:
        st.session_state[_KEY] = view.where
    st.text_input(
        tr("Filter"),
        key=_KEY,
        placeholder="price<80 and not tag:sale",
        help=tr(_HELP),
        max_chars=state.LONGEST_FILTER,
        on_change=_applied,
    )


def problem(where: str) -> BadFilter | None:
    """Say what is wrong with a filter; None if nothing is, or there is none."""
    if len(where) > state.LONGEST_FILTER:  # of a link; cut off, it would mean something else
        reason = f"it goes on here, and at most {state.LONGEST_FILTER} characters are read"
        return BadFilter(where, state.LONGEST_FILTER, reason)
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


def apply(where: str) -> None:
    """Make this the filter, unless it is too long for a URL."""
    if len(where) > state.LONGEST_FILTER:
        told = tr(
            "This filter would have {count:,} characters; at most {most:,} are kept. Choose fewer values.",
            count=len(where),
            most=state.LONGEST_FILTER,
        )
        state.say(told)
    else:
        state.change(where=where)


def _tell(wrong: BadFilter) -> None:
    """Point at the character, which takes letters of one width."""
    place = wrong.position + 1
    why = tr(
        "Cannot read the filter at character {place}: {reason}.", place=place, reason=retold(wrong.reason)
    )
    st.error(plain(why), icon=":material/filter_alt_off:")
    st.code(f"{wrong.text}\n{' ' * wrong.position}^", language=None)


def _applied() -> None:
    apply(st.session_state[_KEY].strip())
