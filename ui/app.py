"""The page, as Streamlit runs it: ``findmake serve`` starts it with its theme and settings.

Streamlit runs this file as a script and puts its folder first on the path, so everything is imported by its
full name, and no module beside this one may be called like one of our packages.
"""

from __future__ import annotations

import streamlit as st

from ui.page import state
from ui.page.collection import collection
from ui.page.find import find
from ui.page.gaps import gaps
from ui.page.i18n import tr
from ui.page.library import library
from ui.page.parts import language, style


def main() -> None:
    """Draw the page that the URL names."""
    first = st.Page(find.draw, title=tr("Find"), icon=":material/search:", default=True)
    pages = [
        first,
        st.Page(gaps.draw, title=tr("Gaps"), icon=":material/playlist_add:", url_path="gaps"),
        st.Page(library.draw, title=tr("Library"), icon=":material/photo_library:", url_path="library"),
        st.Page(collection.draw, title=tr("Collection"), icon=":material/database:", url_path="collection"),
    ]
    st.set_page_config(page_title="findmake", page_icon=style.ICON, layout="wide")
    style.apply()
    shown = st.navigation(pages, position="top")
    st.session_state["place"] = shown.url_path or state.FIND
    if target := state.bound_for():
        st.switch_page(first, query_params=target.as_parameters())
    shown.run()
    language.draw()


main()
