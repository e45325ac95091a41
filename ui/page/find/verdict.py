"""What the verdict says about an answer, and what else a person should know, above the hits."""

from __future__ import annotations

import streamlit as st

from search import Judgement, Results
from ui.page.i18n import later, retold, tr

from ..parts.style import html, percent, plain

_LEADS = {"match": later("Match"), "weak": later("A weak match"), "no match": later("No match")}


def draw(results: Results) -> None:
    """Draw the warnings and the verdict; a match says so in a quiet line."""
    for warning in results.warnings:
        st.warning(plain(retold(warning)), icon=":material/translate:")
    judgement = results.judgement
    if judgement is None:
        return
    lead, why = tr(_LEADS[judgement.verdict]), retold(judgement.reason)
    share = tr("Coverage: {percent}", percent=coverage(judgement))
    if judgement.verdict == "match":
        dot = '<span class="fm-dot"></span>'
        told = f"{html('strong', lead)} {html('span', why)} {html('span', share, 'fm-coverage')}"
        st.html(f'<p class="fm-verdict">{dot}<span>{told}</span></p>')
    elif judgement.verdict == "weak":
        st.info(f"**{lead}:** {plain(why)} {plain(share)}", icon=":material/help:")
    else:
        st.warning(f"**{lead}:** {plain(why)} {plain(share)}", icon=":material/search_off:")


def headline(results: Results, offset: int, shown: int) -> str:
    """Say which hits stand below, and call misses by their name."""
    told = {"first": offset + 1, "last": offset + shown, "total": results.considered}
    if results.verdict == "no match":
        line = tr("Nearest misses {first}-{last} of {total:,} items", **told)
    else:
        line = tr("Best matches {first}-{last} of {total:,} items", **told)
    return tr("{hits}, in {milliseconds:,.0f} ms", hits=line, milliseconds=results.took_ms)


def coverage(judgement: Judgement) -> str:
    """Write the coverage as a percentage; ``about`` if it rests on guesses."""
    share = percent(judgement.coverage)
    return tr("about {percent}", percent=share) if judgement.approximate else share
