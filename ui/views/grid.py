"""Items as cards, and the way from page to page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from indexer import Item
from ui import state

from .style import html, name_of, shown


def draw(cards: Sequence[tuple[Item, str]]) -> None:
    """Draw items with the line that stands below each."""
    with st.container(key="grid"):
        for item, line in cards:
            _card(item, line)


def _card(item: Item, line: str) -> None:
    name = name_of(item)
    with st.container(key=f"card-{item.id}", gap=None):
        face(item, name)
        st.button(f"Open {name}", key=f"open-{item.id}", on_click=_open, args=(item.id,))
        made = html("span", "made", "fm-made") if item.origin == "generated" else ""
        price = item.attributes.get("price")
        aside = html("span", shown(price), "fm-aside") if price not in (None, "") else ""
        st.html(f'{html("p", name, "fm-title")}<p class="fm-line">{html("span", line)}{made}{aside}</p>')
        st.button(
            "More like this",
            key=f"like-{item.id}",
            icon=":material/image_search:",
            type="tertiary",
            on_click=more_like,
            args=(item.id,),
        )


def face(item: Item, name: str) -> None:
    """Show an item's thumbnail, or the beginning of its text."""
    thumbnail = state.collection().store.thumbnail(item.id)
    if thumbnail is None:
        st.html(f'<div class="fm-text">{html("p", item.text[:400] or name)}</div>')
    else:
        st.image(thumbnail, alt=name, width="stretch")


def more_like(item_id: int) -> None:
    """Seek what is like an item, and nothing else."""
    state.change(q="", like=item_id, picture="")


def _open(item_id: int) -> None:
    state.change(item=item_id)


def paging(page: int, *, more: bool) -> None:
    """Offer the pages before and after this one, if there are any."""
    if page == 1 and not more:
        return
    with st.container(
        horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="paging"
    ):
        st.button(
            "Back",
            key="back",
            icon=":material/chevron_left:",
            disabled=page == 1,
            on_click=_turn,
            args=(page - 1,),
        )
        st.html(html("span", f"Page {page}", "fm-page"))
        st.button(
            "Next",
            key="next",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=not more,
            on_click=_turn,
            args=(page + 1,),
        )


def _turn(page: int) -> None:
    state.change(page=page)
