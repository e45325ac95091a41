"""The page, as Streamlit runs it: ``findmake serve`` starts it with its theme and settings.

Streamlit runs this file as a script and puts its folder first on the path, so everything is imported by its
full name, and no module beside this one may be called like one of our packages.
"""

from __future__ import annotations

import streamlit as st

from ui.views import collection, find, style


def main() -> None:
    """Draw the page that the URL names."""
    pages = [
        st.Page(find.draw, title="Find", icon=":material/search:", default=True),
        st.Page(collection.draw, title="Collection", icon=":material/photo_library:", url_path="collection"),
    ]
    st.set_page_config(page_title="findmake", page_icon=style.ICON, layout="wide")
    style.apply()
    st.navigation(pages, position="top").run()


main()
