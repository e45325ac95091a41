"""Library: everything in the collection, newest first; by where it comes from, and by tag."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from indexer import Both, CollectionNotFound, Compare, Condition, FindmakeError, Item, Tagged
from ui import state

from . import detail, grid, provenance
from .style import html, plain

_ORIGINS = {"": "All", "imported": "Imported", "generated": "Generated", "apart": "Kept apart"}


def draw() -> None:
    """Draw the page."""
    try:
        _draw()
    except CollectionNotFound as error:
        st.info(plain(str(error)), icon=":material/info:")
    except FindmakeError as error:
        st.error(plain(str(error)), icon=":material/error:")


def _draw() -> None:
    view = state.view()
    if view.origin not in _ORIGINS:
        view = replace(view, origin="")
    provenance.told()
    _narrow(view)
    detail.draw(view)
    offset = (view.page - 1) * state.PAGE_SIZE
    items, count = _items(view, offset)
    shown = items[: state.PAGE_SIZE]
    if not shown:
        what = "There is nothing more here." if count else "Nothing here is of this kind."
        st.info(what, icon=":material/info:")
    else:
        line = f"{offset + 1:,}-{offset + len(shown):,} of {count:,} items, the newest first"
        st.html(html("h2", line, "fm-headline"))
    grid.draw([grid.Card(item=item, line=_line(item)) for item in shown])
    grid.paging(view.page, more=len(items) > len(shown))


def _narrow(view: state.View) -> None:
    """Draw the choice of origin and tag; the URL is the truth."""
    st.session_state["origin"] = view.origin
    counts = {count.tag: count.items for count in state.collection().store.tags()}
    if view.tag:
        counts.setdefault(view.tag, 0)
    st.session_state["tag"] = view.tag or None
    with st.container(horizontal=True, key="narrow", vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Origin",
            list(_ORIGINS),
            format_func=_ORIGINS.__getitem__,
            key="origin",
            required=True,
            on_change=lambda: state.change(origin=st.session_state["origin"] or ""),
        )
        if counts:
            st.selectbox(
                "Tag",
                list(counts),
                format_func=lambda tag: f"{tag} ({counts.get(tag, 0):,})",
                key="tag",
                placeholder="Any tag",
                on_change=lambda: state.change(tag=st.session_state["tag"] or ""),
            )


def _items(view: state.View, offset: int) -> tuple[list[Item], int]:
    """Fetch a page and one item more, newest first, and count all."""
    collection, end = state.collection(), offset + state.PAGE_SIZE + 1
    if not view.origin and not view.tag:
        return collection.store.page(offset, end - offset), len(collection)
    ids = collection.select(_condition(view), apart=view.origin == "apart")
    if view.origin == "apart":
        ids = np.intersect1d(ids, collection.store.apart())
    return collection.store.items(ids[::-1][offset:end].tolist()), len(ids)


def _condition(view: state.View) -> Condition:
    origin = "generated" if view.origin in ("generated", "apart") else view.origin
    parts: list[Condition] = []
    if origin:
        parts.append(Compare(field="origin", operator="=", value=origin))
    if view.tag:
        parts.append(Tagged(tag=view.tag))
    return parts[0] if len(parts) == 1 else Both(parts=tuple(parts))


def _line(item: Item) -> str:
    if item.tags:
        return ", ".join(item.tags[:3])
    return {"image": "picture", "text": "text"}.get(item.modality, "picture with text")
