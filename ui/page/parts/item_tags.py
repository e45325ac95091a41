"""The tags of one item, to read and to change."""

from __future__ import annotations

import streamlit as st

from indexer import FindmakeError, Item, Tagging
from ui.page import state
from ui.page.i18n import retold, tr

from .style import plain


def edit(item: Item) -> None:
    """Draw the tags of an item; what is typed becomes a tag, what is taken away is removed."""
    key, wrong = f"tags-{item.id}", "wrong tag"
    known = [count.tag for count in state.collection().store.tags()]
    if key not in st.session_state:
        st.session_state[key] = list(item.tags)
    st.multiselect(
        tr("Tags"),
        options=sorted({*known, *item.tags, *st.session_state[key]}),
        key=key,
        accept_new_options=True,
        placeholder=tr("Add a tag"),
        on_change=_changed,
        args=(item.id, key),
    )
    if message := st.session_state.pop(wrong, None):
        st.error(plain(retold(message)), icon=":material/error:")


def _changed(item_id: int, key: str) -> None:
    store = state.collection().store
    before: set[str] = set()
    try:
        before = set(state.collection().item(item_id).tags)
        wanted = [Tagging(item_id=item_id, tag=tag) for tag in st.session_state[key]]
        store.add_tags([each for each in wanted if each.tag not in before])
        for tag in before - {each.tag for each in wanted}:
            store.remove_tags([item_id], tag=tag)
        st.session_state[key] = sorted({each.tag for each in wanted})
    except FindmakeError as error:
        st.session_state["wrong tag"] = str(error)
        st.session_state[key] = sorted(before)
