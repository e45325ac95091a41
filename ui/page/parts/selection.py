"""Picking items on the page, and what can be done with all of them: compare, tag, take away."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from indexer import FindmakeError, Item, Tagging
from ui.formats import items as exporting
from ui.page import state
from ui.page.i18n import retold, tr, tr_n

from .style import html, name_of, plain

_KEY = "selected"
_TAG = "tag for many"


def selected() -> dict[int, float | None]:
    """Give what this session has picked, in order: the probability that each had then, by item."""
    picked: dict[int, float | None] = st.session_state.setdefault(_KEY, {})
    return picked


def box(item: Item, probability: float | None) -> None:
    """Draw the box that picks an item."""
    key = f"select-{item.id}"
    st.session_state[key] = item.id in selected()
    st.checkbox(
        tr("Select {name}", name=plain(name_of(item))),
        key=key,
        on_change=_toggled,
        args=(item.id, key, probability),
    )


def _toggled(item_id: int, key: str, probability: float | None) -> None:
    picked = dict(selected())
    if st.session_state[key]:
        picked[item_id] = probability
    else:
        picked.pop(item_id, None)
    st.session_state[_KEY] = picked


def draw(shown: dict[int, float | None]) -> None:
    """Draw what can be done with the picked items, if there are any.

    Args:
        shown: the probability of each item on the page.
    """
    items = state.collection().store.items(list(selected()))
    if not items:
        return
    with st.container(horizontal=True, key="selection", vertical_alignment="center", gap="small"):
        count = tr_n("{count} selected", "{count:,} selected", len(items))
        st.html(html("strong", count, "fm-page"))
        _compare(items)
        with st.popover(tr("Tag"), icon=":material/label:", key="tag-many"):
            _tagging(items)
        with st.popover(tr("Export"), icon=":material/download:", key="export"):
            _export(items)
        if shown.keys() - selected().keys():
            st.button(
                tr("Select this page"),
                key="select-page",
                icon=":material/select_all:",
                type="tertiary",
                on_click=_select,
                args=(shown,),
            )
        st.button(
            tr("Clear selection"),
            key="clear-selection",
            icon=":material/close:",
            type="tertiary",
            on_click=_clear,
        )
    if told := st.session_state.pop("tagged many", None):
        st.toast(plain(told), icon=":material/label:")


def _compare(items: Sequence[Item]) -> None:
    two = len(items) == 2
    st.button(
        tr("Compare"),
        key="compare",
        icon=":material/compare:",
        disabled=not two,
        help=None if two else tr("Select exactly two to see them side by side"),
        on_click=state.change,
        kwargs={"compare": ",".join(str(item.id) for item in items)},
    )


def _tagging(items: Sequence[Item]) -> None:
    count = len(items)
    st.text_input(tr("Tag"), key=_TAG, placeholder=tr("such as: summer sale"))
    with st.container(horizontal=True, gap="small"):
        add = tr_n("Add to {count} item", "Add to {count:,} items", count)
        remove = tr_n("Remove from {count} item", "Remove from {count:,} items", count)
        ids = [item.id for item in items]
        st.button(add, key="tag-add", type="primary", on_click=_tag, args=(ids, True))
        st.button(remove, key="tag-remove", on_click=_tag, args=(ids, False))
    if wrong := st.session_state.pop("wrong tag for many", None):
        st.error(plain(retold(wrong)), icon=":material/error:")


def _tag(ids: Sequence[int], add: bool) -> None:
    """Tag or untag all of them in one transaction; a tag that cannot be is told where it was typed."""
    store, tag = state.collection().store, st.session_state.get(_TAG, "")
    try:
        if add:
            changed = store.add_tags([Tagging(item_id=item_id, tag=tag) for item_id in ids])
            told = tr_n(
                "{count} item is tagged {tag}.", "{count:,} items are tagged {tag}.", changed, tag=tag
            )
        else:
            changed = store.remove_tags(list(ids), tag=tag)
            told = tr_n(
                "{count} item lost the tag {tag}.", "{count:,} items lost the tag {tag}.", changed, tag=tag
            )
    except FindmakeError as error:
        st.session_state["wrong tag for many"] = str(error)
        return
    st.session_state["tagged many"] = told


def _export(items: Sequence[Item]) -> None:
    """Offer the files; each is made when it is asked for."""
    known, collection = selected(), state.collection()
    st.caption(tr("With titles, attributes, tags and how likely each answers your search."))
    st.download_button(
        "CSV",
        data=lambda: exporting.items_to_csv(items, known),
        file_name="findmake.csv",
        mime="text/csv",
        icon=":material/table:",
        on_click="ignore",
        key="export-csv",
    )
    st.download_button(
        "JSON",
        data=lambda: exporting.items_to_json(items, known),
        file_name="findmake.json",
        mime="application/json",
        icon=":material/data_object:",
        on_click="ignore",
        key="export-json",
    )
    try:
        exporting.check_size(items)
    except exporting.TooMuchToExport as error:
        st.info(plain(retold(str(error))), icon=":material/folder_zip:")
        return
    size = exporting.originals_size(items) / 1e6
    st.download_button(
        tr("Originals as ZIP ({size:,.1f} MB)", size=size),
        data=lambda: exporting.originals_to_zip(collection, items),
        file_name="findmake.zip",
        mime="application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        key="export-zip",
    )


def _select(shown: dict[int, float | None]) -> None:
    st.session_state[_KEY] = selected() | {i: shown[i] for i in shown if i not in selected()}


def _clear() -> None:
    st.session_state[_KEY] = {}
