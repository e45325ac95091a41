"""The near-duplicates that are folded under a hit, opened."""

from __future__ import annotations

import streamlit as st

from indexer import Item
from search import Hit, Results
from ui.page import state
from ui.page.i18n import tr, tr_n

from ..parts import grid
from ..parts.style import html, name_of, plain


def draw(view: state.View, results: Results) -> None:
    """Open what the URL names, if it is a hit of this page with others folded under it."""
    hit = next((each for each in results.hits if each.item.id == view.alike and each.folded), None)
    if hit is not None and view.item is None:
        title = tr("Alike: {name}", name=plain(name_of(hit.item)))
        st.dialog(title, width="large", on_dismiss=_close)(_inside)(hit)


def _close() -> None:
    state.change(alike=None)


def _inside(hit: Hit) -> None:
    folded = state.collection().store.items([each for each in hit.folded if each != hit.item.id])
    told = tr_n(
        "{count} near-duplicate stands under this hit.",
        "{count:,} near-duplicates stand under this hit.",
        len(folded),
    )
    st.write(told)
    with st.container(key="grid-alike"):
        for item in [hit.item, *folded]:
            _small(item, first=item.id == hit.item.id)
    st.button(
        tr("Search for all that is like it"),
        key="like-alike",
        icon=":material/image_search:",
        on_click=grid.more_like,
        args=(hit.item.id,),
    )


def _small(item: Item, *, first: bool) -> None:
    name = name_of(item)
    with st.container(key=f"card-alike-{item.id}", gap=None):
        grid.face(item, name)
        st.button(
            tr("Open {name}", name=plain(name)),
            key=f"open-alike-{item.id}",
            on_click=state.change,
            kwargs={"item": item.id},
        )
        line = tr("the hit itself") if first else (item.path or item.key)
        st.html(html("p", name, "fm-title") + html("p", line, "fm-line fm-path"))
