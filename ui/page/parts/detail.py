"""One item in full: the original, everything known about it, and where it came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from indexer import FindmakeError, Generated, Item, ItemNotFound, UnreadableImage
from ui.page import state
from ui.page.i18n import retold, tr
from ui.services import operations

from . import explain, item_tags, provenance
from .grid import more_like
from .style import definitions, html, name_of, plain, shown

_LARGE = 32 * 2**20  # bytes


def draw(view: state.View) -> None:
    """Open the details that the URL names, if any."""
    if view.item is None:
        return
    try:
        item = state.collection().item(view.item)
    except FindmakeError as error:
        st.error(plain(retold(str(error))), icon=":material/error:")
        return
    st.dialog(plain(name_of(item)), width="large", on_dismiss=_close)(_inside)(item.id)


def _close() -> None:
    state.change(item=None)


def _inside(item_id: int) -> None:
    """Draw the details as they are now: a button in here draws this part alone anew."""
    try:
        item = state.collection().item(item_id)
    except ItemNotFound:  # discarded a moment ago
        _close()
        st.rerun()
    provenance.told()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _original(item)
        explain.draw(state.view(), item)
    with right:
        if item.text and item.text != item.title:
            st.html(html("p", item.text[:4_000], "fm-full-text"))
        st.html(definitions(_facts(item)))
        item_tags.edit(item)
        with st.container(horizontal=True, gap="small"):
            if st.button(
                tr("More like this"), icon=":material/image_search:", type="primary", key="like-open"
            ):
                more_like(item.id)
                st.rerun()
            _download(item)
        _made(item)


def _made(item: Item) -> None:
    """Tell how a picture was made here, and let people decide about it."""
    if isinstance(item.provenance, Generated):
        provenance.decide(item, key="open-item")
        provenance.panel(item, key="open-item")


def _original(item: Item) -> None:
    """Show the picture as large as it is useful; where its file is gone, the thumbnail and the reason."""
    name = provenance.described(item)
    if "image" not in item.kinds:
        return
    try:
        st.image(operations.show_item(item) if item.path else _thumbnail(item), alt=name, width="stretch")
    except UnreadableImage as error:
        st.image(_thumbnail(item), alt=name, width="stretch")
        st.caption(plain(tr("Only the small copy can be shown: {reason}.", reason=retold(error.reason))))


def _thumbnail(item: Item) -> bytes:
    return state.collection().store.thumbnail(item.id) or b""


def _facts(item: Item) -> dict[str, str]:
    """Gather what is known, in the order of interest."""
    facts = {
        name.replace("_", " "): shown(value)
        for name, value in item.attributes.items()
        if value not in (None, "")
    }
    if item.width:
        facts[tr("size")] = tr("{width} x {height} pixels", width=item.width, height=item.height)
    facts[tr("item")] = str(item.id)
    facts[tr("file") if item.path else tr("key")] = item.path or item.key
    return facts | _origin(item)


def _origin(item: Item) -> dict[str, str]:
    came = item.provenance
    if isinstance(came, Generated):
        told = tr("made by findmake, kept apart") if item.apart else tr("made by findmake, promoted")
        return {tr("origin"): told}
    source = {} if came.source == item.path else {tr("indexed from"): came.source}
    marked = {tr("synthetic"): came.synthetic} if came.synthetic else {}
    return source | marked | {tr("indexed at"): f"{came.at:%Y-%m-%d %H:%M} UTC"}


def _download(item: Item) -> None:
    path = Path(item.path) if item.path else None
    if path is not None and path.is_file():
        st.download_button(
            tr("Download the original"),
            data=_data(path),
            file_name=path.name,
            icon=":material/download:",
            on_click="ignore",
            key="download",
        )


def _data(path: Path) -> bytes | Callable[[], bytes]:
    """Read a file now; one that is very large when it is asked for.

    A button that has to wait for its data takes no keys meanwhile and loses the focus: Escape would then no
    longer close the details.
    """
    return path.read_bytes() if path.stat().st_size <= _LARGE else path.read_bytes
