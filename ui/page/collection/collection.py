"""Collections: which there are, what this one holds, adding to it, how good it is, its doctor."""

from __future__ import annotations

from typing import Any

import streamlit as st

from indexer import CollectionNotFound, FindmakeError
from ui.page import state
from ui.page.i18n import later, retold, tr
from ui.services import collections, operations
from ui.settings import Settings

from ..parts.style import definitions, html, plain
from . import add, create, doctor, evaluate, index

_PARTS = {
    "": later("What it holds"),
    "add": later("Add"),
    "quality": later("Quality"),
    "doctor": later("Doctor"),
    "new": later("New collection"),
}


def draw() -> None:
    """Draw the page."""
    if message := state.said():
        st.info(plain(retold(message)), icon=":material/info:")
    try:
        _switch()
        part = _part()
        if part == "new":
            create.draw()
        else:
            _draw(part)
    except CollectionNotFound as error:
        st.info(plain(retold(str(error))), icon=":material/info:")
    except FindmakeError as error:
        st.error(plain(retold(str(error))), icon=":material/error:")


def _draw(part: str) -> None:
    chosen = state.settings().collection
    if (chosen / "jobs.sqlite").is_file() or (chosen / "findmake.sqlite").is_file():
        index.work()
    if part == "doctor" and (chosen / "findmake.sqlite").is_file():
        doctor.draw()  # also of one that cannot be opened
        return
    state.collection()
    {"": _overview, "add": add.draw, "quality": evaluate.draw}[part]()


def _switch() -> None:
    """Draw the choice among the collections that lie together."""
    given = Settings.read()
    found = state.collections().all(given)
    names = [place.name for place in found]
    now = state.view().collection or given.collection.name
    if now not in names:
        names.append(now)
    st.session_state["place chosen"] = now
    told = {place.name: place for place in found}
    st.selectbox(
        tr("Collection"),
        names,
        key="place chosen",
        format_func=lambda name: _label(told.get(name), name),
        on_change=lambda: state.open_place(st.session_state["place chosen"]),
        width=420,
    )


def _label(place: collections.Place | None, name: str) -> str:
    if place is None:
        return name
    if place.trouble:
        return tr("{name} (cannot be opened)", name=name)
    return tr("{name} ({count:,} items, {model})", name=name, count=place.items, model=place.model)


def _part() -> str:
    """Draw the choice of the part; the URL is the truth."""
    st.session_state["part"] = state.view().part
    st.segmented_control(
        tr("Part"),
        list(_PARTS),
        format_func=lambda part: tr(_PARTS[part]),
        key="part",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: state.change(part=st.session_state["part"] or ""),
    )
    return state.view().part


def _overview() -> None:
    collection = state.collection()
    facts = operations.info(collection)
    st.html(html("h2", tr("This collection"), "fm-headline"))
    figures = {
        tr("Items"): f"{facts['items']:,}",
        tr("Pictures"): f"{facts['pictures']:,}",
        tr("Texts"): f"{facts['texts']:,}",
        tr("On disk"): f"{facts['bytes'] / 1e6:,.1f} MB",
    }
    with st.container(horizontal=True, key="figures"):
        for label, value in figures.items():
            st.metric(label, value, border=True)
    st.html(_facts(facts))
    index.last_run(collection)
    if not facts["items"]:
        st.button(
            tr("Add pictures"),
            key="to-add",
            type="primary",
            icon=":material/add:",
            on_click=lambda: state.change(part="add"),
        )


def _facts(facts: dict[str, Any]) -> str:
    model = tr("{model}, {dim} dimensions", model=facts["model"], dim=facts["dim"])
    rows = {tr("folder"): facts["collection"], tr("model"): model}
    rows |= {tr("server"): facts["server"]} if facts["server"] else {}
    rows |= {tr("candidates from"): facts["vectors"]} if facts["vectors"] else {}
    return definitions(rows | {tr("place {n}", n=n): root for n, root in enumerate(facts["roots"], 1)})
