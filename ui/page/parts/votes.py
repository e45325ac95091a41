"""Thumbs up and down, kept for this browser session alone, and the row of what they suggest."""

from __future__ import annotations

import streamlit as st

from indexer import FindmakeError, Item
from search import Recommendation, recommend_items
from ui.page import state
from ui.page.i18n import tr, tr_n
from ui.page.model.filter_counts import ids_of

from .provenance import described
from .style import html, name_of

_KEY = "votes"
_MOST = 12


def votes() -> dict[int, bool]:
    """Give this session's votes: True for a thumb up, by item."""
    given: dict[int, bool] = st.session_state.setdefault(_KEY, {})
    return given


def buttons(item: Item) -> None:
    """Draw the two thumbs of an item."""
    given, name = votes().get(item.id), name_of(item)
    for up, icon in ((True, "thumb_up"), (False, "thumb_down")):
        on = given is up
        label = tr("More such as {name}", name=name) if up else tr("Less such as {name}", name=name)
        st.button(
            f"{label} {tr('(chosen)')}" if on else label,
            key=f"{'up' if up else 'down'}-{item.id}",
            icon=f":material/{icon}:",
            type="primary" if on else "tertiary",
            on_click=_vote,
            args=(item.id, up),
        )


def _vote(item_id: int, up: bool) -> None:
    """Vote, or take back the very same vote."""
    given = dict(votes())
    if given.get(item_id) is up:
        del given[item_id]
    else:
        given[item_id] = up
    st.session_state[_KEY] = given


def draw(view: state.View) -> None:
    """Draw the row of what may please, if anything did; what satisfies the filter only."""
    given = votes()
    liked = [item_id for item_id, up in given.items() if up]
    if not given:
        return
    with st.container(horizontal=True, key="foryou-head", vertical_alignment="center", gap="small"):
        st.html(html("h2", tr("For you"), "fm-headline"))
        told = tr_n("by {count} vote of this session", "by {count:,} votes of this session", len(given))
        st.html(html("span", told, "fm-small"))
        st.button(tr("Forget the votes"), key="forget", type="tertiary", on_click=_forget)
    if not liked:
        st.caption(tr("Give something a thumb up, and what is like it stands here."))
        return
    found = _recommended(view, given)
    if not found:
        st.caption(tr("Nothing else here comes near what you like."))
        return
    names = {item.id: name_of(item) for item in state.collection().store.items(liked)}
    with st.container(horizontal=True, key="foryou", gap="small"):
        for each in found:
            _small(each, names.get(each.because, ""))


def _recommended(view: state.View, given: dict[int, bool]) -> tuple[Recommendation, ...]:
    """Recommend, unless the very same was asked just before; items that are gone have no say."""
    collection = state.collection()
    key = tuple(given.items()), view.where, collection.store.revision()
    known = st.session_state.get("recommended")
    if known is None or known[0] != key:
        here = {item.id for item in collection.store.items(list(given))}
        liked = [item_id for item_id, up in given.items() if up and item_id in here]
        disliked = [item_id for item_id, up in given.items() if not up and item_id in here]
        try:
            allowed = ids_of(collection, view.where)
            made = (
                recommend_items(collection, liked=liked, disliked=disliked, k=_MOST, allowed=allowed)
                if liked
                else ()
            )
        except FindmakeError:  # an item that went away this very moment; the row is no more than an offer
            made = ()
        known = key, made
        st.session_state["recommended"] = known
    found: tuple[Recommendation, ...] = known[1]
    return found


def _small(found: Recommendation, because: str) -> None:
    item, name = found.item, name_of(found.item)
    with st.container(key=f"card-foryou-{item.id}", gap=None):
        small = state.collection().store.thumbnail(item.id)
        if small is None:
            st.html(f'<div class="fm-text">{html("p", item.text[:200] or name)}</div>')
        else:
            st.image(small, alt=described(item), width="stretch")
        st.button(
            tr("Open {name}", name=name),
            key=f"open-foryou-{item.id}",
            on_click=state.change,
            kwargs={"item": item.id},
        )
        line = tr("as you like {name}", name=because) if because else ""
        st.html(html("p", name, "fm-name") + html("p", line, "fm-line"))


def _forget() -> None:
    st.session_state[_KEY] = {}
