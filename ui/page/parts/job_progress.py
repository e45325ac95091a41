"""A job while it runs: how far it is, what is being made, and a way to stop it."""

from __future__ import annotations

import base64
from html import escape

import streamlit as st

from indexer import Job
from ui.jobs.fill import PREVIEW
from ui.page import state
from ui.page.i18n import tr

from . import job_panel

_EVERY = "700ms"


def draw(job: Job) -> None:
    """Draw an active job, and go on drawing it until it ends; then the whole page is drawn anew."""
    _live(job.id)


@st.fragment(run_every=_EVERY)
def _live(job_id: str) -> None:
    jobs = state.maker().jobs
    job = jobs.get(job_id)
    if job is None or not job.is_active:
        st.rerun()
    with st.container(key="working", horizontal=True, gap="medium", vertical_alignment="center"):
        preview = jobs.picture(job_id, PREVIEW)
        if preview is not None:
            st.html(_embedded(preview), width="content")
        with st.container(key="working-state"):
            job_panel.progress(jobs, job, key=f"cancel-{job_id}")


def _embedded(preview: bytes) -> str:
    """Write the picture into the page itself: by the time a browser asks for a file, there is a newer one."""
    data = base64.b64encode(preview).decode("ascii")
    told = escape(tr("What is being made, so far"), quote=True)
    return (
        f'<img class="fm-preview" width="160" height="160" alt="{told}" src="data:image/webp;base64,{data}">'
    )


def how_it_ended(job: Job) -> None:
    """Tell of a job that did not come to its end, and why."""
    job_panel.how_it_ended(job, cancelled=tr("Cancelled. The unfinished picture was not kept."))
