"""A job while it runs: how far it is, what is being made, and a way to stop it."""

from __future__ import annotations

import base64
from html import escape

import streamlit as st

from indexer import FindmakeError, Job
from ui import state
from ui.making import PREVIEW
from ui.texts import retold, tr

from .style import plain

_EVERY = "700ms"


def draw(job: Job) -> None:
    """Draw an active job, and go on drawing it until it ends; then the whole page is drawn anew."""
    _live(job.id)


@st.fragment(run_every=_EVERY)
def _live(job_id: str) -> None:
    job = state.maker().jobs.get(job_id)
    if job is None or not job.is_active:
        st.rerun()
    with st.container(key="working", horizontal=True, gap="medium", vertical_alignment="center"):
        preview = state.maker().jobs.picture(job_id, PREVIEW)
        if preview is not None:
            st.html(_embedded(preview), width="content")
        with st.container(key="working-state"):
            st.progress(job.share, text=plain(_note(job)))
            st.button(
                tr("Stopping") if job.cancelling else tr("Cancel"),
                key=f"cancel-{job_id}",
                icon=":material/stop_circle:",
                disabled=job.cancelling,
                on_click=_cancel,
                args=(job_id,),
            )
            st.caption(tr("You may leave this page, or reload it: the work goes on."))


def _embedded(preview: bytes) -> str:
    """Write the picture into the page itself: by the time a browser asks for a file, there is a newer one."""
    data = base64.b64encode(preview).decode("ascii")
    told = escape(tr("What is being made, so far"), quote=True)
    return (
        f'<img class="fm-preview" width="160" height="160" alt="{told}" src="data:image/webp;base64,{data}">'
    )


def _note(job: Job) -> str:
    if job.cancelling:
        return tr("Stopping")
    if job.state == "queued":
        return tr("Waiting for other work to end")
    return retold(job.note) if job.note else tr("Starting")


def _cancel(job_id: str) -> None:
    try:
        state.maker().jobs.cancel(job_id)
    except FindmakeError as error:
        state.say(str(error))


def how_it_ended(job: Job) -> None:
    """Tell of a job that did not come to its end, and why."""
    if job.state == "failed":
        st.error(plain(retold(job.error)), icon=":material/error:")
    elif job.state == "interrupted":
        st.warning(plain(retold(job.error)), icon=":material/power_off:")
    elif job.state == "cancelled":
        st.info(tr("Cancelled. The unfinished picture was not kept."), icon=":material/stop_circle:")
