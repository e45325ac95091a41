"""Gaps as rows: what was sought, how often, what came nearest, and whether something made fills it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from ui.formats.text import shorter
from ui.page import state
from ui.page.i18n import retold, tr, tr_n

from ..parts import provenance
from ..parts.grid import paging as _paging
from ..parts.style import html, plain

if TYPE_CHECKING:
    from generation import Gap

PAGE_SIZE = 15
_SPELLINGS = 4  # shown of each gap


def draw(gaps: Sequence[Gap]) -> list[Gap]:
    """Draw gaps; return those that are picked."""
    return [gap for gap in gaps if _row(gap)]


def _row(gap: Gap) -> bool:
    key = str(gap.entries[0])
    with st.container(key=f"lacking-{key}", horizontal=True, gap="medium", vertical_alignment="center"):
        with st.container(key=f"lackwhat-{key}", gap=None):
            picked = st.checkbox(plain(shorter(gap.name)), key=f"pick-{key}")
            st.html(_about(gap))
        with st.container(key=f"lackshown-{key}", width="content", gap="small"):
            _pictures(gap, key)
        if gap.kind == "text":
            st.button(
                tr("Search"),
                key=f"seek-{key}",
                icon=":material/search:",
                type="tertiary",
                help=tr("Search for {what}", what=shorter(gap.name)),
                on_click=_seek,
                args=(gap.name, gap.where),
            )
    return picked


def _about(gap: Gap) -> str:
    told = tr_n(
        "Asked once, on {day:%Y-%m-%d}",
        "Asked {count:,} times, last on {day:%Y-%m-%d}",
        gap.times,
        day=gap.last_at,
    )
    if gap.where:
        told += tr(", where {filter}", filter=gap.where)
    also = ", ".join(map(shorter, gap.variants[:_SPELLINGS]))
    also += ", ..." if len(gap.variants) > _SPELLINGS else ""
    state_ = f'<span class="fm-made">{escape(_state(gap))}</span>'
    line = f'<p class="fm-line">{state_}{html("span", told)}</p>'
    return line + (html("p", tr("Also: {spellings}", spellings=also), "fm-line") if also else "")


def _state(gap: Gap) -> str:
    if gap.filled_by:
        return tr("filled")
    return tr("tried: {outcome}", outcome=retold(gap.attempt.outcome)) if gap.attempt else retold(gap.verdict)


def _pictures(gap: Gap, key: str) -> None:
    """Show what was made for it, or else what came nearest."""
    items = state.collection().store.items(list(gap.filled_by or gap.nearest)[:3])
    if items:
        label = tr("Made for it") if gap.filled_by else tr("Nearest misses")
        st.html(html("span", label, "fm-small"))
        provenance.thumbnails(items, key=f"gap-{key}")


def _seek(name: str, where: str) -> None:
    state.seek(state.View(q=name, where=where))


def paging(*, more: bool) -> None:
    """Offer the pages before and after this one."""
    _paging(state.view().page, more=more)
