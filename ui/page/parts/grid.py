"""Items as cards, and the way from page to page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from indexer import Item
from ui.page import state
from ui.page.i18n import tr

from . import selection, votes
from .provenance import badge, described
from .style import html, name_of, percent, plain, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An item to show.

    Attributes:
        item: the item.
        line: what stands below its title.
        hint: what else is told when the pointer rests there.
        probability: calibrated, that it answers the query; None for no bar.
        alike: how many near-duplicates are folded under it.
    """

    item: Item
    line: str
    hint: str = ""
    probability: float | None = None
    alike: int = 0


def draw(cards: Sequence[Card], *, key: str = "grid", acts: bool = False) -> None:
    """Draw the cards, as large as the view says.

    Args:
        cards: in the order to show.
        key: tells one grid on a page from another.
        acts: whether the cards can be picked and voted on.
    """
    with st.container(key=f"sized-{state.view().size or 'medium'}-{key}"), st.container(key=key):
        for card in cards:
            _card(card, acts=acts)


def _card(card: Card, *, acts: bool) -> None:
    item, name = card.item, name_of(card.item)
    with st.container(key=f"card-{item.id}", gap=None):
        face(item, name)
        if mark := badge(item):
            st.html(html("span", mark, "fm-badge"))
        st.button(tr("Open {name}", name=plain(name)), key=f"open-{item.id}", on_click=_open, args=(item.id,))
        if acts:
            selection.box(item, card.probability)
        title = html("p", name, "fm-title")
        st.html(f'{_bar(card)}{title}<p class="fm-line">{_line(card)}</p>')
        with st.container(horizontal=True, gap=None, key=f"links-{item.id}", vertical_alignment="center"):
            _links(card, acts=acts)


def _links(card: Card, *, acts: bool) -> None:
    item = card.item
    st.button(
        tr("More like this"),
        key=f"like-{item.id}",
        icon=":material/image_search:",
        type="tertiary",
        on_click=more_like,
        args=(item.id,),
    )
    if acts:
        votes.buttons(item)
    if card.alike:
        st.button(
            tr("+{count} alike", count=card.alike),
            key=f"alike-{item.id}",
            type="tertiary",
            on_click=_open_alike,
            args=(item.id,),
        )


def _bar(card: Card) -> str:
    """Show a probability as the width of a bar, and as a number to who points at it or hears it."""
    if card.probability is None:
        return ""
    told = tr("{percent} likely to be what was asked for", percent=percent(card.probability))
    told = escape(f"{told} ({card.hint})", quote=True)
    fill = f'<span style="width:{card.probability:.1%}"></span>'
    return f'<div class="fm-chance" role="img" aria-label="{told}" title="{told}">{fill}</div>'


def _line(card: Card) -> str:
    sure = "" if card.probability is None else html("span", percent(card.probability), "fm-number")
    made = html("span", tr("apart"), "fm-made") if card.item.apart else ""
    price = card.item.attributes.get("price")
    aside = html("span", shown(price), "fm-aside") if price not in (None, "") else ""
    return f"{sure}{html('span', card.line)}{made}{aside}"


def face(item: Item, name: str) -> None:
    """Show an item's thumbnail, or the beginning of its text."""
    thumbnail = state.collection().store.thumbnail(item.id)
    if thumbnail is None:
        st.html(f'<div class="fm-text">{html("p", item.text[:400] or name)}</div>')
    else:
        st.image(thumbnail, alt=described(item), width="stretch")


def more_like(item_id: int) -> None:
    """Seek what is like an item, and nothing else."""
    view = state.view()
    state.seek(state.View(like=item_id, where=view.where, size=view.size))


def _open(item_id: int) -> None:
    state.change(item=item_id)


def _open_alike(item_id: int) -> None:
    state.change(alike=item_id)


def paging(page: int, *, more: bool) -> None:
    """Offer the pages before and after this one, if there are any."""
    if page == 1 and not more:
        return
    with st.container(
        horizontal=True, horizontal_alignment="center", vertical_alignment="center", key="paging"
    ):
        st.button(
            tr("Back"),
            key="back",
            icon=":material/chevron_left:",
            disabled=page == 1,
            on_click=_turn,
            args=(page - 1,),
        )
        st.html(html("span", tr("Page {page}", page=page), "fm-page"))
        st.button(
            tr("Next"),
            key="next",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=not more,
            on_click=_turn,
            args=(page + 1,),
        )


def _turn(page: int) -> None:
    state.change(page=page)
