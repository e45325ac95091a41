"""The box for words, the picture beside it, and what else is being asked."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from indexer import FindmakeError, ItemNotFound
from ui.page import state
from ui.page.i18n import tr
from ui.services import operations

from ..parts.style import html, name_of, plain
from ..parts.thumbnail import show_small
from . import completions, region
from .paste import paste

_LARGEST_MB = 30


def draw(view: state.View) -> None:
    """Draw the box and, below it, the picture and the item that are part of the query."""
    if st.session_state.get("words", "").strip() != view.q:
        st.session_state["words"] = view.q  # the URL has changed: back button, link, example
    with st.container(horizontal=True, key="ask", vertical_alignment="bottom", gap="small"):
        st.text_input(
            tr("Search"),
            key="words",
            type="search",
            placeholder=tr("What are you looking for?"),
            label_visibility="collapsed",
            on_change=_asked,
        )
        round_ = st.session_state.setdefault("uploads", 0)  # a new one closes the box and empties it
        with st.popover(tr("Picture"), icon=":material/add_photo_alternate:", key=f"with-picture-{round_}"):
            _uploader(f"upload {round_}")
        st.button(tr("Search"), type="primary", icon=":material/search:", on_click=_asked, key="search")
    paste(_pasted)
    if view.picture or view.where or view.like is not None:
        with st.container(horizontal=True, key="asked", gap="small"):
            _chips(view)


def _asked() -> None:
    state.change(q=st.session_state["words"].strip())


def _uploader(key: str) -> None:
    st.file_uploader(
        tr("Search with a picture"),
        type=None,  # any file may come: what is wrong with it is told in our own words
        key=key,
        max_upload_size=_LARGEST_MB,
        on_change=_uploaded,
        args=(key,),
    )
    st.caption(tr("Or paste one from the clipboard, anywhere on this page."))


def _uploaded(key: str) -> None:
    file = st.session_state[key]
    if file is None:
        return
    st.session_state["uploads"] += 1
    take_picture(file.name, file.getvalue())


def _pasted(data: bytes) -> None:
    take_picture(tr("the pasted picture"), data)


def take_picture(name: str, data: bytes) -> None:
    """Make a picture part of the query, or keep the sentence that says why not."""
    try:
        operations.show_upload(data, name=name)
    except FindmakeError as error:
        state.say(str(error))
        return
    state.change(picture=state.shelf().put(name, data), region="", like=None)


def _chips(view: state.View) -> None:
    kept = state.shelf().get(view.picture)
    if kept:
        _chip("picture", kept[0], region.small(view, *kept), then=lambda: region.draw(view, *kept))
    elif view.picture:
        _chip("picture", tr("a picture that is gone"), None)
    if view.like is not None:
        try:
            name = tr("like {name}", name=name_of(state.collection().item(view.like)))
        except ItemNotFound:
            name = tr("like item {number}", number=view.like)
        _chip("like", name, state.collection().store.thumbnail(view.like))
    if view.where:
        _chip("where", view.where, None)


def _chip(part: str, label: str, image: bytes | None, *, then: Callable[[], None] | None = None) -> None:
    with st.container(
        horizontal=True, key=f"chip-{part}", width="content", vertical_alignment="center", gap="small"
    ):
        if image is not None:
            show_small(image, width=44, alt=label)
        st.html(html("span", label))
        if then is not None:
            then()
        st.button(
            tr("Remove"),
            key=f"remove-{part}",
            icon=":material/close:",
            type="tertiary",
            help=tr("Search without {what}", what=plain(label)),
            on_click=_without,
            args=(part,),
        )


def _without(part: str) -> None:
    also = {"region": ""} if part == "picture" else {}
    state.change(**{part: None if part == "like" else ""}, **also)


def draw_completions(words: str) -> None:
    """Offer ways to go on from the words, where a completer has learned some."""
    found = completions.completions(words) if words else []
    if found:
        with st.container(horizontal=True, key="completions", gap="small"):
            for text in found:
                st.button(text, key=f"completion {text}", on_click=_completed, args=(text,))


def _completed(text: str) -> None:
    state.change(q=text)
