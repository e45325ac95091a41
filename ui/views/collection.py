"""Collection: what is in it, which model it was built with, how the last run went, how to add more."""

from __future__ import annotations

from typing import Any

import streamlit as st

from indexer import Collection, FindmakeError
from ui import services, state

from .style import definitions, html, plain

_MOST_FAILURES = 200


def draw() -> None:
    """Draw the page."""
    try:
        collection = state.collection()
        facts = services.info(collection)
    except FindmakeError as error:
        st.info(plain(str(error)), icon=":material/info:")
        return
    st.html(html("h2", "This collection", "fm-headline"))
    with st.container(horizontal=True, key="figures"):
        for name in ("items", "pictures", "texts"):
            st.metric(name.capitalize(), f"{facts[name]:,}", border=True)
        st.metric("On disk", f"{facts['bytes'] / 1e6:,.1f} MB", border=True)
    st.html(_facts(facts))
    _last_run(collection)
    st.html(html("h2", "Add more", "fm-headline"))
    st.write("Folders of pictures, tables (CSV, JSONL, Parquet) and texts. Run this in a terminal:")
    st.code(f"findmake index FOLDER_OR_TABLE --collection {facts['collection']}", language=None)
    st.caption("Without a folder, it looks again at all the places above. This page shows new items at once.")


def _facts(facts: dict[str, Any]) -> str:
    rows = {"folder": facts["collection"], "model": f"{facts['model']}, {facts['dim']} dimensions"}
    return definitions(rows | {f"place {n}": root for n, root in enumerate(facts["roots"], 1)})


def _last_run(collection: Collection) -> None:
    run = collection.store.last_run()
    if run is None:
        return
    ended, report = run
    failed = report["failed"]
    st.html(html("h2", "Last indexing run", "fm-headline"))
    counts = [f"{report[name]:,} {name}" for name in ("added", "updated", "moved", "unchanged", "removed")]
    counts.append(f"{len(failed):,} failed")
    st.write(f"{ended:%Y-%m-%d %H:%M} UTC, {report['seconds']:.1f} s: {', '.join(counts)}.")
    if failed:
        with st.expander(f"{len(failed):,} files could not be indexed", icon=":material/warning:"):
            shown = failed[:_MOST_FAILURES]
            st.html(definitions({each["path"]: each["reason"] for each in shown}))
            if len(failed) > len(shown):
                st.caption(f"And {len(failed) - len(shown):,} more.")
