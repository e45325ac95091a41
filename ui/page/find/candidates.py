"""What came of making something: each picture with its verdict and reason, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from indexer import Item, Job
from ui.page import state
from ui.page.i18n import later, retold, tr

from ..parts import provenance
from ..parts.style import html, percent, plain

_TOLD = {
    "filled": later("These answer your search. They are kept apart until you promote them."),
    "reused": later("This was made before and answers your search."),
    "not needed": later("There is an answer in the collection by now, so nothing was made."),
    "not convincing": later("No picture proved to answer your search, so none was kept."),
    "blocked": later("Everything that was made was blocked, and nothing was kept. Ask for something else."),
}
_VERDICTS = {"match": later("Match"), "weak": later("Weak"), "no match": later("No match")}


def draw(job: Job) -> None:
    """Draw the candidates of a job that is done; those that were kept come first."""
    result = job.result
    st.write(tr(_TOLD.get(result.get("outcome", ""), "")))
    prompt = result.get("prompt")
    if prompt and prompt.get("text"):
        st.caption(plain(tr("Prompt: {words}", words=prompt["text"])))
    store = state.collection().store
    ids = [*result.get("kept", ()), *result.get("reused", ())]
    items = {item.id: item for item in store.items(ids)}
    with st.container(key="candidates"):
        for item_id in result.get("reused", ()):
            _kept(item_id, items.get(item_id), tr("Made before"))
        for number, each in enumerate(result.get("candidates", ())):
            if each["id"] is not None:
                _kept(each["id"], items.get(each["id"]), _judged(each))
            else:
                _refused(job, number, each)


def _kept(item_id: int, item: Item | None, line: str) -> None:
    with st.container(key=f"made-{item_id}", gap=None):
        if item is None:
            _without_picture(tr("Discarded"))
            st.html(html("p", line, "fm-line"))
            return
        picture = state.collection().store.thumbnail(item_id)
        if picture is not None:
            st.image(picture, alt=provenance.described(item), width="stretch")
        st.html(html("span", provenance.badge(item), "fm-badge"))
        where = tr("Kept apart") if item.apart else tr("In the catalogue")
        told = tr("{where}, item {id}", where=where, id=item_id)
        st.html(html("p", line, "fm-title") + html("p", told, "fm-line"))
        provenance.decide(item, key=f"made-{item_id}")
        with st.expander(tr("How it was made")):
            provenance.panel(item, key=f"made-{item_id}")


def _refused(job: Job, number: int, told: Mapping[str, Any]) -> None:
    with st.container(key=f"refused-{number}", gap=None):
        name = told.get("picture")
        picture = state.maker().jobs.picture(job.id, name) if name else None
        refused = told.get("refused")
        reason = retold(refused) if refused else tr("not needed: enough others were kept")
        if picture is not None:
            st.image(picture, alt=tr("Made, but not kept: {reason}", reason=reason), width="stretch")
            st.html(html("span", tr("made by findmake"), "fm-badge"))
        else:
            _without_picture(tr("Blocked") if str(refused).startswith("blocked") else tr("No longer here"))
        st.html(html("p", tr("Not kept"), "fm-title") + html("p", reason[:1].upper() + reason[1:], "fm-line"))
        st.html(html("p", tr("{judged}, seed {seed}", judged=_judged(told), seed=told["seed"]), "fm-line"))


def _judged(told: Mapping[str, Any]) -> str:
    if told.get("probability") is None:
        return tr("Not judged")
    verdict = tr(_VERDICTS.get(told["verdict"], told["verdict"]))
    return tr("{verdict}, {percent} likely", verdict=verdict, percent=percent(told["probability"]))


def _without_picture(word: str) -> None:
    st.html(f'<div class="fm-text fm-gone">{html("p", word)}</div>')
