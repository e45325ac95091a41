"""Making a collection: its name, and the model that it is made for."""

from __future__ import annotations

from typing import Any

import streamlit as st

from indexer import FindmakeError
from ui.page import state
from ui.page.i18n import tr
from ui.page.model import model_list
from ui.services import collections
from ui.settings import Settings

from ..parts.style import html

_AUTO = "auto"


def draw() -> None:
    """Draw the form and the zoo."""
    st.html(html("h2", tr("A new collection"), "fm-headline"))
    models = _models()
    here = [row["name"] for row in models if row["available"]]
    with st.form("new", border=False):
        st.text_input(tr("Name"), key="new name", max_chars=63, placeholder=tr("Such as: holiday photos"))
        st.selectbox(
            tr("Model"),
            [_AUTO, *(row["name"] for row in models)],
            key="new model",
            format_func=lambda name: _label(name, here),
        )
        st.form_submit_button(
            tr("Make it"), key="create", type="primary", icon=":material/add:", on_click=_create
        )
    st.caption(tr("A collection keeps its model for good: another model sees other likenesses."))
    _zoo(models)


@st.cache_data(ttl=60, show_spinner=False)
def _models() -> list[dict[str, Any]]:
    return model_list.rows()


def _label(name: str, here: list[str]) -> str:
    if name == _AUTO:
        return tr("The best one at hand")
    return tr("{name} (on this machine)", name=name) if name in here else tr("{name} (to fetch)", name=name)


def _zoo(models: list[dict[str, Any]]) -> None:
    columns = {
        "name": tr("Model"),
        "available": tr("On this machine"),
        "size_mb": tr("MB to fetch"),
        "languages": tr("Languages"),
        "licence": tr("Licence"),
        "imagenet": "ImageNet top-1, %",
        "flickr30k": "Flickr30k R@1, %",
        "coco": "COCO R@1, %",
    }
    shown = [{title: row[name] for name, title in columns.items()} for row in models]
    st.dataframe(shown, hide_index=True, width="stretch", key="zoo")
    measured = model_list.MEASURED
    st.caption(
        tr(
            "ImageNet, Flickr30k and COCO are figures that the makers of the models have published "
            "(zero-shot; text to picture); they were not measured here, and an empty cell was never "
            "published. Of the starter, measured here on {pictures:,} pictures of Flickr8k: R@1 {r1} %, "
            "R@10 {r10} %; that is another set of pictures, so do not compare it with the columns. How good "
            "a model is on your own pictures, Quality measures.",
            pictures=measured["pictures"],
            r1=measured["flickr8k_r1"],
            r10=measured["flickr8k_r10"],
        )
    )


def _create() -> None:
    try:
        begun = collections.begin(Settings.read(), str(st.session_state.get("new name", "")))
        state.upkeep(begun)[0].create(str(st.session_state.get("new model", _AUTO)))
        state.open_place(begun.collection.name)
    except FindmakeError as error:
        state.say(str(error))
