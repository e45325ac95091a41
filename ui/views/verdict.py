"""What the verdict says about an answer, and what else a person should know, above the hits."""

from __future__ import annotations

import streamlit as st

from search import Judgement, Results

from .style import html, percent, plain

_LEADS = {"match": "Match", "weak": "A weak match", "no match": "No match"}


def draw(results: Results) -> None:
    """Draw the warnings and the verdict; a match says so in a quiet line."""
    for warning in results.warnings:
        st.warning(plain(warning), icon=":material/translate:")
    judgement = results.judgement
    if judgement is None:
        return
    lead, share = _LEADS[judgement.verdict], f"Coverage: {coverage(judgement)}"
    if judgement.verdict == "match":
        dot = '<span class="fm-dot"></span>'
        told = f"{html('strong', lead)} {html('span', judgement.reason)} {html('span', share, 'fm-coverage')}"
        st.html(f'<p class="fm-verdict">{dot}<span>{told}</span></p>')
    elif judgement.verdict == "weak":
        st.info(f"**{lead}:** {plain(judgement.reason)} {plain(share)}", icon=":material/help:")
    else:
        st.warning(f"**{lead}:** {plain(judgement.reason)} {plain(share)}", icon=":material/search_off:")


def headline(results: Results, offset: int, shown: int) -> str:
    """Say which hits stand below, and call misses by their name."""
    what = "Nearest misses" if results.verdict == "no match" else "Best matches"
    of = f"{offset + 1}-{offset + shown} of {results.considered:,} items"
    return f"{what} {of}, in {results.took_ms:,.0f} ms"


def coverage(judgement: Judgement) -> str:
    """Write the coverage as a percentage; ``about`` if it rests on guesses."""
    about = "about " if judgement.approximate else ""
    return about + percent(judgement.coverage)
