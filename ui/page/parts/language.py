"""The choice of the page's language, at its foot; and telling the browser which one that is."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ui.page import state
from ui.page.i18n import LANGUAGES, language, tr

# a screen reader pronounces a page by this attribute, and Streamlit's own page always says "en"
_SCRIPT = "export default function ({ data }) { document.documentElement.lang = data; }"
_TAGS = {"zh": "zh-Hans"}
_component = st.components.v2.component("findmake_language", js=_SCRIPT)


def draw() -> None:
    """Tell the browser the language, and offer the others."""
    now = language()
    _component(key="tongue", height=1, data=_TAGS.get(now, now))
    with st.container(key="foot", horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        for code, name in LANGUAGES.items():
            if code != now:
                st.button(
                    name,
                    key=f"speak-{code}",
                    type="tertiary",
                    icon=":material/translate:",
                    help=tr("Show this page in {language}", language=name),
                    on_click=_speak,
                    args=(code,),
                )


def _speak(code: str) -> None:
    state.go(replace(state.view(), lang=code))
