"""Filling the collection: the run that goes on, what came of the last one, what failed, and trying again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from indexer import Collection, Failure, FindmakeError, Job
from ui.jobs import index as indexing_job
from ui.page import state
from ui.page.i18n import retold, tr, tr_n

from ..parts import job_panel
from ..parts.style import html, plain

_MOST_SHOWN = 500


def work() -> bool:
    """Draw the making or filling of the collection while it goes on, and how it ended if it was cut short.

    Returns:
        Whether something is going on.
    """
    job = indexing_job.latest(state.upkeep()[0].jobs, indexing_job.INDEX, indexing_job.CREATE)
    if job is None:
        return False
    if job.is_active:
        job_panel.draw(job, title=_doing(job))
    elif job.kind == indexing_job.INDEX and indexing_job.is_cut_short(job):
        job_panel.how_it_ended(job, cancelled=tr("Indexing was stopped. What was finished is kept."))
        if "paths" in job.result:  # else it had not begun
            paths = [Path(path) for path in job.result["paths"]]
            _go_on(paths)
    elif job.kind == indexing_job.CREATE and job.state != "done":
        job_panel.how_it_ended(job, cancelled=tr("Nothing was made."))
    return job.is_active


def _go_on(paths: Sequence[Path]) -> None:
    label, icon = tr("Go on"), ":material/play_arrow:"
    st.button(label, key="go-on", icon=icon, type="primary", on_click=index, args=(paths,))


def _doing(job: Job) -> str:
    if job.kind == indexing_job.CREATE:
        return tr("Making the collection {name}", name=job.title)
    return tr("Indexing {what}", what=job.title) if job.title else tr("Looking again at all places")


def index(paths: Sequence[Path] = (), prune: bool = False) -> None:
    """Start to index; for callbacks."""
    try:
        state.upkeep()[0].index(paths, prune=prune)
    except FindmakeError as error:
        state.say(str(error))


def last_run(collection: Collection) -> None:
    """Tell how the last finished run went, with its failures."""
    run = collection.store.last_run()
    if run is None:
        return
    ended, report = run
    st.html(html("h2", tr("Last indexing run"), "fm-headline"))
    st.write(f"{ended:%Y-%m-%d %H:%M} UTC, {report['seconds']:.1f} s: {_counts(report)}.")
    for note in report.get("notes", ()):
        st.caption(plain(retold(note)))
    if report["failed"]:
        _failures(collection, [Failure(**each) for each in report["failed"]])


def _counts(report: Mapping[str, Any]) -> str:
    counts = (
        tr("{count:,} added", count=report["added"]),
        tr("{count:,} updated", count=report["updated"]),
        tr("{count:,} moved", count=report["moved"]),
        tr("{count:,} unchanged", count=report["unchanged"]),
        tr("{count:,} removed", count=report["removed"]),
        tr("{count:,} failed", count=len(report["failed"])),
    )
    return ", ".join(counts)


def _failures(collection: Collection, failures: Sequence[Failure]) -> None:
    """List what could not be read, with the reasons, and offer to try again."""
    title = tr_n(
        "{count} file could not be indexed",
        "{count:,} files could not be indexed",
        len(failures),
    )
    with st.expander(title, icon=":material/warning:", expanded=len(failures) <= 10):
        shown = failures[:_MOST_SHOWN]
        columns = {tr("File"): [each.path for each in shown]}
        columns |= {tr("Reason"): [retold(each.reason) for each in shown]}
        st.dataframe(columns, hide_index=True, width="stretch", key="failures")
        if len(failures) > len(shown):
            st.caption(tr("And {count:,} more.", count=len(failures) - len(shown)))
        roots = indexing_job.roots_of(failures, collection.store.roots())
        st.button(
            tr("Try again"),
            key="retry",
            icon=":material/refresh:",
            disabled=not roots,
            on_click=index,
            args=(roots,),
            help=tr("Reads these again; everything that is indexed stays as it is."),
        )
