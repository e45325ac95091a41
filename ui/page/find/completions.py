"""How the words of the box may go on, by a completer that was trained on the collection."""

from __future__ import annotations

import streamlit as st

from search import BadQuery, Completer, CompleterUnavailable, Words, parse_terms
from ui.page import state
from ui.settings import Settings

_COMPLETIONS = 5


def completions(words: str) -> list[str]:
    """Complete plain words, if a completer was trained on the collection; likeliest first.

    What uses the query language (weights, plus, minus, items, quotation marks) is not completed, nor is
    what cannot be parsed: the search itself tells why.
    """
    try:
        if parse_terms([words], files=False) != (Words(text=words),):
            return []
    except BadQuery:
        return []
    try:
        completer = _open(state.settings())
    except CompleterUnavailable:
        return []
    known: tuple[str, list[str]] | None = st.session_state.get("completions")
    if known is None or known[0] != words:
        known = words, [found.text for found in completer.complete(words, _COMPLETIONS)]
        st.session_state["completions"] = known
    return known[1]


@st.cache_resource(show_spinner=False, max_entries=4)
def _open(settings: Settings) -> Completer:
    return Completer.load(settings.collection)  # a failure is not kept: one may be trained meanwhile
