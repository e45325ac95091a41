"""Work on a collection while it runs: how far it is, and a way to stop it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from indexer import FindmakeError, Job
from ui.jobs.runner import Jobs
from ui.page import state
from ui.page.i18n import retold, tr

from .style import html, plain

_EVERY = "700ms"


def draw(job: Job, *, title: str, also: Callable[[Job], None] | None = None) -> None:
    """Draw an active job until it ends; then the whole page is drawn anew.

    Args:
        job: that waits or runs.
        title: what it does, in words.
        also: draws what came of it so far.
    """
    with st.container(border=True, key=f"watching-{job.kind}"):
        st.html(html("h2", title, "fm-headline"))
        _live(job.id, also)


@st.fragment(run_every=_EVERY)
def _live(job_id: str, also: Callable[[Job], None] | None) -> None:
    jobs = state.upkeep()[0].jobs
    job = jobs.get(job_id)
    if job is None or not job.is_active:
        st.rerun()
    progress(jobs, job, key=f"stop-{job_id}")
    if also is not None:
        also(job)


def progress(jobs: Jobs, job: Job, *, key: str) -> None:
    """Draw how far an active job is, and a button to stop it.

    Args:
        jobs: it is one of them.
        job: that waits or runs.
        key: of the button.
    """
    st.progress(job.share, text=plain(_note(job)))
    st.button(
        tr("Stopping") if job.cancelling else tr("Cancel"),
        key=key,
        icon=":material/stop_circle:",
        disabled=job.cancelling,
        on_click=_cancel,
        args=(jobs, job.id),
    )
    st.caption(tr("You may leave this page, or reload it: the work goes on."))


def _note(job: Job) -> str:
    if job.cancelling:
        return tr("Stopping")
    if job.state == "queued":
        return tr("Waiting for other work to end")
    return retold(job.note) if job.note else tr("Starting")


def _cancel(jobs: Jobs, job_id: str) -> None:
    try:
        jobs.cancel(job_id)
    except FindmakeError as error:
        state.say(str(error))


def how_it_ended(job: Job, *, cancelled: str) -> None:
    """Tell of a job that did not come to its end, and why.

    Args:
        job: that has ended.
        cancelled: what to say if somebody stopped it.
    """
    if job.state == "failed":
        st.error(plain(retold(job.error)), icon=":material/error:")
    elif job.state == "interrupted":
        st.warning(plain(retold(job.error)), icon=":material/power_off:")
    elif job.state == "cancelled":
        st.info(cancelled, icon=":material/stop_circle:")
