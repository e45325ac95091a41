"""How the page looks beyond its theme: the mark, the style sheet, and text that must be shown as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

import streamlit as st

from indexer import Item
from ui.page.i18n import tr

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="32" viewBox="0 0 {0} 32">'
_GLASS = """<rect x="1" y="3" width="26" height="26" rx="7" fill="#0f766e"/>
<circle cx="12.5" cy="14.5" r="5.5" fill="none" stroke="#fff" stroke-width="2.4"/>
<path d="M16.8 18.8 22 24" stroke="#fff" stroke-width="2.4" stroke-linecap="round"/>"""
# our own mark also in the browser's tab: for one of its icons, Streamlit would ask a server of Google's
ICON = f"{_SVG.format(28)}{_GLASS}</svg>"
_NAME = """<text x="36" y="23" fill="#0f8a80" font-size="21" font-weight="700" letter-spacing="-.3"
 font-family="Source Sans, Segoe UI, Helvetica, Arial, sans-serif">findmake</text>"""
_LOGO = f"{_SVG.format(148)}{_GLASS}{_NAME}</svg>"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-!|~$:<>&])")


def apply() -> None:
    """Put the mark into the header and load the style sheet."""
    st.logo(_LOGO, size="large")
    st.html(Path(__file__).with_name("page.css"))
    # Streamlit folds pages and sidebar away on a phone, behind arrows without a word.
    st.html(f"<style>:root {{ --fm-menu: '{tr('Menu')}'; }}</style>")


def plain(text: str) -> str:
    """Escape text for places that read Markdown, so that a query or a title never turns into a link."""
    return _MARKDOWN.sub(r"\\\1", text)


def html(tag: str, text: str, css_class: str = "") -> str:
    """Write one HTML element around text that is not to be trusted."""
    attribute = f' class="{css_class}"' if css_class else ""
    return f"<{tag}{attribute}>{escape(text)}</{tag}>"


def definitions(facts: Mapping[str, str]) -> str:
    """Write names and what they stand for as an HTML list."""
    rows = "".join(html("dt", name) + html("dd", value) for name, value in facts.items())
    return f'<dl class="fm-facts">{rows}</dl>'


def shown(value: object) -> str:
    """Write an attribute as people do: a price read as 65.0 becomes 65.00."""
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def name_of(item: Item) -> str:
    """Call an item something: its title, else the start of its text, else its file's name."""
    return item.title or item.text[:60] or Path(item.path or item.key).name


def percent(probability: float) -> str:
    """Write a probability (0 to 1) without claiming certainty: ``<1 %`` to ``>99 %``."""
    if probability < 0.01:
        return "<1 %"
    return ">99 %" if probability > 0.99 else f"{probability:.0%}".replace("%", " %")
