"""The doctor: what was checked, what is wrong, and repairing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from indexer import FindmakeError, Job
from ui.jobs import upkeep
from ui.page import state
from ui.page.i18n import later, retold, tr

from ..parts import job_panel
from ..parts.style import html, plain

_ICONS = {
    "fine": ":material/check_circle:",
    "note": ":material/info:",
    "trouble": ":material/error:",
    "repaired": ":material/build_circle:",
}
_STATES = {
    "fine": later("In order"),
    "note": later("To know"),
    "trouble": later("Trouble"),
    "repaired": later("Repaired"),
}


def draw() -> None:
    """Draw the last examination, or the one that goes on."""
    job = state.upkeep()[0].jobs.latest(upkeep.EXAMINE)
    if job is not None and job.is_active:
        job_panel.draw(job, title=tr("Examining the collection"), also=_so_far)
        return
    st.html(html("h2", tr("Is everything in order?"), "fm-headline"))
    if job is None:
        st.write(
            tr("Checks the database, the index, thumbnails, files, what was made here, space and the model.")
        )
    else:
        _outcome(job)
    with st.container(horizontal=True, key="doctor-buttons", gap="small"):
        st.button(
            tr("Examine"), key="examine", icon=":material/stethoscope:", on_click=_examine, args=(False,)
        )
        if job is not None and job.result.get("repairable"):
            st.button(
                tr("Repair"),
                key="repair",
                type="primary",
                icon=":material/build:",
                on_click=_examine,
                args=(True,),
                help=tr("Mends what can be mended; nothing is lost by it."),
            )


def _so_far(job: Job) -> None:
    _list([each for each in job.result.get("findings", ()) if each["state"] != "fine"])


def _outcome(job: Job) -> None:
    job_panel.how_it_ended(job, cancelled=tr("The examination was stopped."))
    findings = job.result.get("findings", [])
    wrong = [each for each in findings if each["state"] != "fine"]
    if job.state == "done" and job.result.get("healthy"):
        told = tr("The collection is in order: {count} checks.", count=len(findings))
        st.success(told, icon=":material/check_circle:")
    _list(wrong)
    fine = [each for each in findings if each["state"] == "fine"]
    if fine:
        with st.expander(tr("{count} checks found nothing wrong", count=len(fine))):
            _list(fine)
    if job.ended_at:
        st.caption(tr("Examined at {at} UTC.", at=f"{job.ended_at:%Y-%m-%d %H:%M}"))


def _list(findings: Sequence[Mapping[str, Any]]) -> None:
    for each in findings:
        state_ = tr(_STATES[each["state"]])
        lines = f"{_ICONS[each['state']]} **{plain(retold(each['check']))}** · {state_}  \n"
        lines += plain(retold(each["sentence"]))
        st.markdown(f"{lines}  \n*{plain(retold(each['remedy']))}*" if each["remedy"] else lines)


def _examine(repair: bool) -> None:
    try:
        state.upkeep()[1].examine(repair=repair)
    except FindmakeError as error:
        state.say(str(error))
