"""Adding to the collection: by path on the server's machine, by handing files in, by looking again."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from indexer import IMAGE_SUFFIXES, FindmakeError
from ui.page import state
from ui.page.i18n import retold, tr, tr_n
from ui.server.port import is_loopback
from ui.services import uploads
from ui.services.allowed_paths import allowed_path

from ..parts.style import html, plain
from . import index

_LARGEST_MB = uploads.LARGEST_TABLE // 1_000_000


def allowed_roots() -> tuple[Path, ...] | None:
    """Tell below which folders a path may lie: those of the settings, any if only this machine may ask."""
    allowed = state.settings().allow
    if allowed:
        return allowed
    address = st.get_option("server.address")
    return None if address and is_loopback(address) else ()


def draw() -> None:
    """Draw the ways to add something."""
    roots = allowed_roots()
    left, right = st.columns(2, gap="large")
    with left:
        _by_path(roots)
    with right:
        _by_upload(tables=roots is None)
    places = state.collection().store.roots()
    if places:
        _again(places)


def _by_path(roots: tuple[Path, ...] | None) -> None:
    st.html(html("h2", tr("From this computer"), "fm-headline"))
    if roots == ():
        st.write(
            tr(
                "This page can be reached by other machines, so it takes no paths. Start it with --allow DIR "
                "to let folders be indexed from here."
            )
        )
        return
    with st.form("paths", border=False, clear_on_submit=False):
        st.text_area(
            tr("Folders, tables or files, one a line"),
            key="paths to add",
            height=100,
            placeholder="/home/me/Pictures\n/home/me/shop/products.csv",
        )
        if roots:
            st.caption(plain(tr("Allowed are files below {folders}.", folders=", ".join(map(str, roots)))))
        st.form_submit_button(
            tr("Add and index"), key="add-paths", type="primary", icon=":material/add:", on_click=_add_paths
        )
    st.caption(tr("Pictures, texts, and tables (CSV, JSONL, Parquet). Files stay where they are, unchanged."))


def _add_paths() -> None:
    given = str(st.session_state.get("paths to add", ""))
    lines = [line.strip().strip("\"'") for line in given.splitlines() if line.strip()]
    if not lines:
        state.say(tr("Write the path of a folder, a table or a file first."))
        return
    try:
        paths = [allowed_path(str(Path(line).expanduser()), allowed_roots()) for line in lines]
        state.upkeep()[0].index(paths)
        state.change(part="")
    except (FindmakeError, RuntimeError) as error:  # RuntimeError: ~nobody has no home
        state.say(str(error))


def _by_upload(*, tables: bool) -> None:
    st.html(html("h2", tr("Hand files in"), "fm-headline"))
    round_ = st.session_state.setdefault("handed in", 0)  # a new one empties the box
    suffixes = sorted(IMAGE_SUFFIXES) + (list(uploads.TABLES) if tables else [])
    st.file_uploader(
        tr("Pictures and tables") if tables else tr("Pictures"),
        type=[suffix[1:] for suffix in suffixes],
        accept_multiple_files=True,
        key=f"files {round_}",
        max_upload_size=_LARGEST_MB,
        on_change=_taken,
        args=(f"files {round_}",),
    )
    st.caption(
        tr(
            "Copies are kept in the collection's folder. At most {files} at once; pictures up to {mb} MB.",
            files=uploads.MOST_FILES,
            mb=uploads.LARGEST_PICTURE // 1_000_000,
        )
    )


def _taken(key: str) -> None:
    files = [(file.name, file.getvalue()) for file in st.session_state[key]]
    if not files:
        return
    st.session_state["handed in"] += 1
    try:
        folder = state.collection().folder
        taken = uploads.keep_uploads(folder, files, tables=allowed_roots() is None)
        if taken.roots:
            state.upkeep()[0].index(taken.roots)
    except FindmakeError as error:
        state.say(str(error))
        return
    if taken.refused:
        told = tr_n("{count} file was taken.", "{count:,} files were taken.", taken.count)
        state.say(" ".join([told, *map(retold, taken.refused[:5])]))
    else:
        state.change(part="")


def _again(places: list[str]) -> None:
    st.html(html("h2", tr("Places that are known"), "fm-headline"))
    st.dataframe({tr("Place"): places}, hide_index=True, width="stretch", key="places")
    st.checkbox(
        tr("Also remove the items of folders that are empty now"),
        key="prune",
        help=tr("Without this, an empty folder counts as away, and its items are kept."),
    )
    st.button(
        tr("Look again at all of them"),
        key="index-again",
        icon=":material/refresh:",
        on_click=lambda: index.index((), bool(st.session_state.get("prune"))),
    )
