"""What can be done with gaps: fill those that are picked within a budget, export all, forget some."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from indexer import FindmakeError, Job
from ui.formats.reports import gap_to_json, gaps_to_csv
from ui.jobs import fill as making
from ui.page import state
from ui.page.i18n import retold, tr, tr_n
from ui.services import answer

from ..parts import job_progress
from ..parts.style import definitions, html, plain

if TYPE_CHECKING:
    from generation import Gap


def work() -> None:
    """Draw the work on gaps while it goes on, and what came of it the last time."""
    try:
        job = state.maker().jobs.latest(making.GAPS_KEY)
    except FindmakeError as error:
        st.caption(plain(tr("Nothing can be made here: {why}", why=retold(str(error)))))
        return
    if job is None:
        return
    with st.container(border=True, key="gaps-work"):
        if job.is_active:
            st.html(html("h2", tr("Filling {gaps}", gaps=job.title), "fm-headline"))
            job_progress.draw(job)
        else:
            _outcome(job)


def _outcome(job: Job) -> None:
    tried = job.result.get("gaps", [])
    filled = sum(each["outcome"] in ("filled", "reused") for each in tried)
    line = tr("Last run: {filled:,} of {tried:,} gaps filled", filled=filled, tried=len(tried))
    st.html(html("h2", line, "fm-headline"))
    job_progress.how_it_ended(job)
    if tried:
        with st.expander(tr("What came of each")):
            st.html(definitions({each["name"]: _told(each) for each in tried}))


def _told(each: dict[str, object]) -> str:
    reason = f": {retold(str(each['reason']))}" if each.get("reason") else ""
    items = each.get("items")
    made = tr(", item {ids}", ids=", ".join(map(str, items))) if isinstance(items, list) and items else ""
    return f"{retold(str(each['outcome']))}{made}{reason}"


def fill(picked: Sequence[Gap]) -> None:
    """Offer to fill what is picked."""
    left = [gap for gap in picked if not gap.filled_by]
    with st.container(horizontal=True, key="fill-gaps", vertical_alignment="bottom", gap="small"):
        st.number_input(tr("Candidates for each"), 1, 8, 4, key="gap candidates")
        late = tr("None is begun after that")
        st.number_input(tr("Minutes at most"), 1, 600, 30, key="gap minutes", help=late)
        st.button(
            tr("Fill {count:,} selected", count=len(left)) if left else tr("Fill selected"),
            key="fill-selected",
            type="primary",
            icon=":material/auto_awesome:",
            disabled=not left,
            help=None if left else tr("Select gaps above, those that nothing was made for"),
            on_click=_start,
            args=(tuple(left),),
        )


def _start(gaps: tuple[Gap, ...]) -> None:
    from generation import Budget

    try:
        maker, searcher = state.maker(), state.searcher()
        count = st.session_state.get("gap candidates", 4)
        options = answer.fill_options(searcher, candidates=count, weak=True)
        budget = Budget(minutes=st.session_state.get("gap minutes", 30), again=True)
        maker.fill_gaps(searcher, gaps, options, budget=budget, generator=maker.generators[0])
    except FindmakeError as error:
        state.say(str(error))


def export_and_forget(found: Sequence[Gap], picked: Sequence[Gap]) -> None:
    """Offer all gaps as files, and to delete those that are picked from the log."""
    with st.container(horizontal=True, key="gaps-files", gap="small"):
        st.download_button(
            "CSV",
            data=lambda: gaps_to_csv(found),
            file_name="gaps.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="gaps-csv",
            help=tr("All gaps, for a spreadsheet"),
        )
        st.download_button(
            "JSON",
            data=lambda: json.dumps({"gaps": [gap_to_json(gap) for gap in found]}, indent=2),
            file_name="gaps.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            key="gaps-json",
        )
        forget = tr("Forget selected")
        with st.popover(forget, icon=":material/delete:", disabled=not picked, key="ask-forget"):
            entries = [entry for gap in picked for entry in gap.entries]
            st.write(
                tr_n(
                    "Delete this query from the log for good? What was made stays.",
                    "Delete {count:,} queries from the log for good? What was made stays.",
                    len(entries),
                )
            )
            st.button(tr("Yes, forget them"), key="forget", type="primary", on_click=_forget, args=(entries,))


def _forget(entries: list[int]) -> None:
    try:
        state.collection().store.forget_misses(entries)
    except FindmakeError as error:
        state.say(str(error))
