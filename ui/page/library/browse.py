"""The items of the library as cards: narrowed, in an order, and tagged all at once."""

from __future__ import annotations

import streamlit as st

from indexer import FindmakeError, Ids, Item, Order, Tagging
from ui.page import state
from ui.page.i18n import later, retold, tr, tr_n
from ui.page.model.listing import ORIGINS, chosen, orders, sort_of

from ..parts import facets, grid, narrow, selection, sizes
from ..parts.style import html, plain

_ORIGINS = dict(
    zip(ORIGINS, (later("All"), later("Imported"), later("Generated"), later("Kept apart")), strict=True)
)
_ORDERS = {
    "": later("Newest first"),
    "added": later("Oldest first"),
    "title": later("Name, A to Z"),
    "-title": later("Name, Z to A"),
    "-pixels": later("Largest picture"),
    "-bytes": later("Largest file"),
}
_KINDS = {"image": later("picture"), "text": later("text"), "image+text": later("picture with text")}
_TAG = "tag for all shown"


def draw(view: state.View) -> None:
    """Draw the choices and a page of cards."""
    facets.draw(view)
    with st.container(horizontal=True, key="narrow", vertical_alignment="bottom", gap="medium"):
        origins(view)
        _sort(view)
        sizes.draw(view)
    tag_chip(view)
    if not narrow.tell_problem(view):
        cards(view)


def cards(view: state.View) -> None:
    """Draw the items that a view names, a page of them, with how many there are."""
    ids = chosen(state.collection(), view)
    offset = (view.page - 1) * state.PAGE_SIZE
    items = state.collection().store.items(ids[offset : offset + state.PAGE_SIZE].tolist())
    if not items:
        what = tr("There is nothing more here.") if len(ids) else tr("Nothing here is of this kind.")
        st.info(what, icon=":material/info:")
    else:
        first, last = offset + 1, offset + len(items)
        with st.container(horizontal=True, key="counted", vertical_alignment="center", gap="small"):
            line = tr("{first:,}-{last:,} of {count:,} items", first=first, last=last, count=len(ids))
            st.html(html("h2", line, "fm-headline"))
            _tag_all(ids)
    selection.draw(dict.fromkeys((item.id for item in items), None))
    grid.draw([grid.Card(item=item, line=line_of(item)) for item in items], acts=True)
    grid.paging(view.page, more=offset + len(items) < len(ids))


def origins(view: state.View) -> None:
    """Draw the choice of where items come from; the URL is the truth."""
    st.session_state["origin"] = view.origin
    st.segmented_control(
        tr("Origin"),
        list(_ORIGINS),
        format_func=lambda origin: tr(_ORIGINS[origin]),
        key="origin",
        required=True,
        on_change=lambda: state.change(origin=st.session_state["origin"] or ""),
    )


def _sort(view: state.View) -> None:
    known = state.collection().store.revision()
    kept: tuple[int, list[str]] | None = st.session_state.get("orders")
    if kept is None or kept[0] != known:
        kept = known, [sort_of(order) for order in orders(state.collection())]
        st.session_state["orders"] = kept
    options = kept[1] if view.sort in kept[1] else [*kept[1], view.sort]
    st.session_state["sort"] = view.sort
    st.selectbox(
        tr("Order"),
        options,
        format_func=named_order,
        key="sort",
        on_change=lambda: state.change(sort=st.session_state["sort"]),
    )


def named_order(sort: str) -> str:
    """Call an order what people call it."""
    if sort in _ORDERS:
        return tr(_ORDERS[sort])
    order = Order(by=sort.removeprefix("-") or "added", descending=sort.startswith("-"))
    field = facets.name_of_field(order.by)
    if order.descending:
        return tr("{field}, descending", field=field)
    return tr("{field}, ascending", field=field)


def tag_chip(view: state.View) -> None:
    """Say by which tag the items are narrowed, with a way to drop it."""
    if view.tag:
        st.button(
            tr("Tag: {tag}", tag=plain(view.tag)),
            key="drop-tag",
            icon=":material/close:",
            help=tr("Show items with any tag"),
            on_click=state.change,
            kwargs={"tag": ""},
        )


def line_of(item: Item) -> str:
    """Say in a few words what an item is: its tags, else its kind."""
    if item.tags:
        return ", ".join(item.tags[:3])
    return tr(_KINDS.get(item.modality, _KINDS["image+text"]))


def _tag_all(ids: Ids) -> None:
    """Draw what gives all items that are shown, on every page, a tag or takes it away."""
    count = tr_n("Tag this item", "Tag all {count:,}", len(ids))
    with st.popover(count, icon=":material/label:", key="tag-all"):
        st.text_input(tr("Tag"), key=_TAG, placeholder=tr("such as summer sale"), max_chars=100)
        with st.container(horizontal=True, gap="small"):
            for label, key, gives in (
                (tr("Add it"), "add-all", True),
                (tr("Take it away"), "drop-all", False),
            ):
                st.button(label, key=key, on_click=_tagged, args=(ids, gives))
        if wrong := st.session_state.pop("wrong tag for all", None):
            st.error(plain(retold(wrong)), icon=":material/error:")
    if told := st.session_state.pop("tagged all", None):
        st.toast(plain(told), icon=":material/label:")


def _tagged(ids: Ids, gives: bool) -> None:
    store, tag = state.collection().store, st.session_state[_TAG]
    try:
        wanted = [Tagging(item_id=item_id, tag=tag) for item_id in ids.tolist()]
        if gives:
            store.add_tags(wanted)
            told = tr_n("1 item has it now.", "{count:,} items have it now.", len(ids))
        else:
            lost = store.remove_tags(ids.tolist(), tag=tag)
            told = tr_n("1 item lost it.", "{count:,} items lost it.", lost)
        st.session_state["tagged all"] = told
        st.session_state[_TAG] = ""
    except FindmakeError as error:
        st.session_state["wrong tag for all"] = str(error)
