"""Why an item was found: what each term of the query gave, and where its picture matches."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from indexer import FindmakeError, Item
from search import Contribution
from ui.page import state
from ui.page.i18n import later, retold, tr
from ui.page.model.explanations import Reason, heat_picture, reasons

from . import view_query
from .style import html, name_of, plain

_KINDS = {"image": later("By its picture"), "text": later("By its text")}


def draw(view: state.View, item: Item) -> None:
    """Draw the reasons, where something is asked that can be split into terms."""
    if not view.asks or view_query.is_lost(view):
        return
    with st.expander(tr("Why this was found"), icon=":material/troubleshoot:", expanded=True):
        try:
            found = reasons(state.searcher(), view_query.embedded(view), item)
        except FindmakeError as error:
            st.caption(plain(retold(str(error))))
            return
        st.html("".join(bars(reason, found) for reason in found))
        if "image" in item.kinds:
            _heat(view, item)


def bars(reason: Reason, of: Sequence[Reason]) -> str:
    """Write what each term gave as bars: to the right what spoke for it, to the left what spoke against.

    Args:
        reason: what to write.
        of: the reasons whose longest bar is as long as can be.
    """
    longest = max((abs(term.value) for each in of for term in each.terms), default=0.0) or 1.0
    kind = tr("{what}: score {score}", what=tr(_KINDS[reason.kind]), score=f"{reason.score:.3f}")
    rows = "".join(_bar(term, longest) for term in reason.terms)
    return f'{html("p", kind, "fm-reason")}<ul class="fm-terms">{rows}</ul>'


def _bar(term: Contribution, longest: float) -> str:
    side = "fm-against" if term.value < 0 else "fm-for"
    bar = (
        f'<span class="fm-term-bar {side}"><span style="width:{abs(term.value) / longest:.1%}"></span></span>'
    )
    value = html("span", f"{term.value:+.3f}", "fm-number")
    return f"<li>{html('span', term.label, 'fm-term')}{bar}{value}</li>"


def _heat(view: state.View, item: Item) -> None:
    """Light the picture up where it matches: worked out when asked for, and kept while it is the newest."""
    key = (item.id, view.q, view.like, view.picture, view.region)
    known = st.session_state.get("heat")
    if known is None or known[0] != key:
        wanted = st.button(
            tr("Show where it matches"), key=f"heat-{item.id}", icon=":material/blur_on:", type="secondary"
        )
        if not wanted:
            return
        try:
            with st.spinner(tr("Looking at eighty parts of the picture"), show_time=False):
                lit = heat_picture(state.searcher(), view_query.embedded(view), item)
        except FindmakeError as error:
            st.caption(plain(retold(str(error))))
            return
        known = key, lit
        st.session_state["heat"] = known
    alt = tr("{name}, lit up where it matches the search", name=name_of(item))
    st.image(known[1], alt=alt, width="stretch")
    st.caption(tr("The stronger the glow, the more the score falls when that part is covered."))
