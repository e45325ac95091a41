"""The tags of the collection: how often each is used, what has it, and a way to rename or drop it."""

from __future__ import annotations

import streamlit as st

from indexer import FindmakeError, TagCount
from ui.page import state
from ui.page.i18n import later, retold, tr, tr_n

from ..parts import grid
from ..parts.style import html, plain

_PAGE_SIZE = 30
_NONE = later(
    "There are no tags yet. Open an item to give it some, or tag all items that a filter leaves at once, "
    "under Items."
)


def draw(view: state.View) -> None:
    """Draw the list."""
    counts = state.collection().store.tags()
    if told := st.session_state.pop("tags changed", None):
        st.toast(plain(told), icon=":material/label:")
    if wrong := st.session_state.pop("wrong rename", None):
        st.error(plain(retold(wrong)), icon=":material/error:")
    if not counts:
        st.info(tr(_NONE), icon=":material/label:")
        return
    sought = st.text_input(tr("Find a tag"), key="sought tag", icon=":material/search:").strip().lower()
    found = [count for count in counts if sought in count.tag]
    offset = (view.page - 1) * _PAGE_SIZE
    st.html(html("h2", tr_n("1 tag", "{count:,} tags", len(found)), "fm-headline"))
    if not found[offset:]:
        st.info(tr("No tag is called so."), icon=":material/info:")
    with st.container(key="tag-rows", gap="small"):
        for count in found[offset : offset + _PAGE_SIZE]:
            _row(count, {each.tag: each.items for each in counts})
    grid.paging(view.page, more=len(found) > offset + _PAGE_SIZE)


def _row(count: TagCount, known: dict[str, int]) -> None:
    tag = count.tag
    with st.container(horizontal=True, key=f"tag-row-{tag}", vertical_alignment="center", gap="small"):
        by = ", ".join(tr("people") if source == "user" else source for source in count.sources)
        used = tr_n("1 item", "{count:,} items", count.items)
        line = html("p", tr("{used}, given by {whom}", used=used, whom=by), "fm-small")
        st.html(f"{html('p', tag, 'fm-tag')}{line}")
        st.button(
            tr("Show"),
            key=f"show-{tag}",
            icon=":material/grid_view:",
            help=plain(tr("Show what is tagged {tag}", tag=tag)),
            on_click=state.change,
            kwargs={"show": "", "tag": tag, "where": "", "origin": "", "during": ""},
        )
        with st.popover(tr("Rename"), icon=":material/edit:", key=f"rename-{tag}"):
            _renaming(tag, known)
        with st.popover(tr("Delete"), icon=":material/delete:", key=f"delete-{tag}"):
            st.write(plain(tr("Take the tag {tag} from all items? The items stay.", tag=tag)))
            st.button(tr("Yes, delete it"), key=f"yes-{tag}", type="primary", on_click=_deleted, args=(tag,))


def _renaming(tag: str, known: dict[str, int]) -> None:
    key = f"new-{tag}"
    new = st.text_input(tr("New name"), value=tag, key=key, max_chars=100)
    other = " ".join(new.split()).lower()
    if other != tag and other in known:
        count = known[other]
        joins = tr("{tag} is there already, on {count:,} items: the two become one.", tag=other, count=count)
        st.caption(plain(joins))
    st.button(tr("Rename it"), key=f"do-{tag}", type="primary", on_click=_renamed, args=(tag, key))


def _renamed(tag: str, key: str) -> None:
    try:
        count = state.collection().store.rename_tag(tag, st.session_state[key])
    except FindmakeError as error:
        st.session_state["wrong rename"] = str(error)
        return
    st.session_state["tags changed"] = tr_n("Renamed on 1 item.", "Renamed on {count:,} items.", count)


def _deleted(tag: str) -> None:
    try:
        count = state.collection().store.remove_tags(tag=tag)
    except FindmakeError as error:
        st.session_state["wrong rename"] = str(error)
        return
    st.session_state["tags changed"] = tr_n("1 item lost it.", "{count:,} items lost it.", count)
