"""Below an answer that is none: make what was sought, watch it, and decide about what came of it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from indexer import FindmakeError, Job
from search import Query, Results
from ui.jobs import fill
from ui.page import state
from ui.page.i18n import later, retold, tr
from ui.services import answer

from ..parts import job_progress
from ..parts.style import html, plain
from . import candidates

_MOST = 8  # candidates
_OFFER = later(
    "Nothing here shows it. findmake can make a picture of it, hold that against your search by the same "
    "measure, and keep it apart until you decide."
)
_WEAK_OFFER = later("What came near may do. If it does not, a picture of it can be made.")
_BY_MEANING = later(
    "The starter generator makes clothes and accessories only, and small pictures. It goes by the meaning of "
    "your search and the look of the nearest misses; the words are kept with the picture, but do not "
    "change it."
)


def draw(query: Query, results: Results) -> None:
    """Draw what this answer calls for: an offer, the work, or what came of it; nothing below a match."""
    if results.verdict not in ("no match", "weak"):
        return
    key = fill.fill_key(query)
    try:
        job = state.maker().jobs.latest(key)
    except FindmakeError as error:
        st.caption(plain(tr("Nothing can be made here: {why}", why=retold(str(error)))))
        return
    if job is not None and job.is_active:
        _panel(lambda: job_progress.draw(job))
    elif job is not None and st.session_state.get("make again") != key:
        _panel(lambda: _outcome(job, query))
    elif results.verdict == "no match" or st.session_state.get("make weak") == key:
        _panel(lambda: _form(query, results, key))
    else:
        with st.container(horizontal=True, key="make-weak", vertical_alignment="center", gap="small"):
            st.caption(tr(_WEAK_OFFER))
            st.button(tr("Make it all the same"), key="want", on_click=_want, args=("make weak", key))


def _panel(inside: Callable[[], None]) -> None:
    with st.container(border=True, key="make"):
        st.html(html("h2", tr("Make it"), "fm-headline"))
        inside()


def _want(what: str, key: str) -> None:
    st.session_state[what] = key


# -- asking ----------------------------------------------------------------------------------------------


def _form(query: Query, results: Results, key: str) -> None:
    if results.verdict == "no match":
        st.write(tr(_OFFER))
    try:
        prompt = _proposed(query, key)
    except FindmakeError as error:
        st.info(plain(retold(str(error))), icon=":material/info:")
        return
    generators = state.maker().generators
    with st.form(f"form-{key}", border=False):
        told = tr("What the generator is told")
        st.text_area(told, value=prompt, key=f"prompt {key}", height=80, max_chars=1_000)
        widths = [3, 3, *([3] if len(generators) > 1 else []), 2]
        look, number, *which, start = st.columns(widths, gap="medium", vertical_alignment="bottom")
        with look:
            st.slider(
                tr("Look of the nearest misses"),
                0.0,
                1.0,
                0.0,
                0.05,
                key=f"style {key}",
                help=tr("0 ignores how they look, 1 follows them closely"),
            )
        with number:
            st.slider(tr("Pictures to make"), 1, _MOST, 4, key=f"count {key}")
        for column in which:
            column.selectbox(tr("Generator"), generators, key=f"generator {key}")
        with start:
            st.form_submit_button(
                tr("Make it"),
                key=f"make {key}",
                type="primary",
                icon=":material/auto_awesome:",
                width="stretch",
                on_click=_start,
                args=(query, key),
            )
        if "starter" in generators:
            st.caption(tr(_BY_MEANING))


def _proposed(query: Query, key: str) -> str:
    """Write the prompt, unless that was done for this very query just before."""
    known: tuple[object, str] | None = st.session_state.get("proposed")
    at = key, state.collection().store.change()
    if known is None or known[0] != at:
        from generation import propose_prompt

        known = at, propose_prompt(state.searcher(), query).text
        st.session_state["proposed"] = known
    return known[1]


def _start(query: Query, key: str) -> None:
    """Start the work; on_click of a form, so its widgets have their new values."""
    given = st.session_state
    known: tuple[object, str] | None = given.get("proposed")
    words = str(given.get(f"prompt {key}", "")).strip()
    try:
        maker, searcher = state.maker(), state.searcher()
        count = int(given.get(f"count {key}", 4))
        options = answer.fill_options(
            searcher,
            candidates=count,
            keep=count,
            style_weight=given.get(f"style {key}", 0.0),
            prompt=words if words and known is not None and words != known[1] else None,
            weak=True,
            force=given.get("make again") == key,
        )
        maker.fill(searcher, query, options, given.get(f"generator {key}", maker.generators[0]))
        given.pop("make again", None)
    except FindmakeError as error:
        state.say(str(error))


# -- what came of it -------------------------------------------------------------------------------------


def _outcome(job: Job, query: Query) -> None:
    job_progress.how_it_ended(job)
    if job.state == "done":
        candidates.draw(job)
    again = tr("Make more") if job.state == "done" else tr("Try again")
    st.button(
        again,
        key="again",
        icon=":material/refresh:",
        on_click=_want,
        args=("make again", fill.fill_key(query)),
    )
