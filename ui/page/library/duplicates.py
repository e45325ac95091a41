"""Items of which one is enough: which is kept, how alike the others are, and a way to be rid of those."""

from __future__ import annotations

import streamlit as st

from indexer import FindmakeError, Tagging, remove_copies
from search import Duplicate, DuplicateGroup, near_duplicate_threshold
from ui.jobs import survey
from ui.page import state
from ui.page.i18n import later, retold, tr, tr_n

from ..parts import grid, job_progress
from ..parts.style import html, name_of, percent, plain

_PAGE_SIZE = 8
_LEAST = 0.8  # below, other things than copies are found
_TAG = "duplicate"
_WHAT = later(
    "Finds pictures that are byte for byte the same, and those so alike that one is an altered copy of the "
    "other; of texts, exact copies. In each group the largest picture is kept unless you choose otherwise."
)
_FILES_STAY = later(
    "They leave this collection; their files stay where they are, and the next indexing of their folder "
    "would bring them back. Tags that people gave them go over to the one that is kept."
)


def draw(view: state.View) -> None:
    """Draw the way to look for duplicates, and the groups that were found."""
    collection, jobs = state.collection(), state.maker().jobs
    job = jobs.latest(survey.DUPLICATES_KEY)
    if told := st.session_state.pop("copies", None):
        st.toast(plain(told), icon=":material/content_copy:")
    if wrong := st.session_state.pop("wrong copies", None):
        st.error(plain(retold(wrong)), icon=":material/error:")
    if job is not None and job.is_active:
        job_progress.draw(job)
        return
    if job is not None:
        job_progress.how_it_ended(job)
    found = survey.found_duplicates(collection, job)
    _look(found)
    if found is None:
        return
    if not found.is_fresh:
        st.caption(tr("The collection has changed since: look again to see what is new."))
    _summary(found)
    offset = (view.page - 1) * _PAGE_SIZE
    for number, members in enumerate(found.groups[offset : offset + _PAGE_SIZE], offset + 1):
        group = survey.group_of(collection, members)
        if group is not None:
            _group(number, group)
    grid.paging(view.page, more=len(found.groups) > offset + _PAGE_SIZE)


def _look(found: survey.Found | None) -> None:
    usual = near_duplicate_threshold(state.collection().spec)
    st.caption(tr(_WHAT))
    with (
        st.form("look for duplicates", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="look"),
    ):
        least = st.slider(
            tr("Least similarity"),
            _LEAST,
            1.0,
            min(max(found.threshold if found else usual, _LEAST), 1.0),
            step=0.005,
            format="%.3f",
            key="least similarity",
            help=tr("{usual:.3f} was measured for this model; 1 finds exact copies alone.", usual=usual),
        )
        label = tr("Look again") if found else tr("Look for duplicates")
        if st.form_submit_button(label, type="primary", icon=":material/content_copy:"):
            threshold = 2.0 if least >= 1 else least
            survey.start_duplicates(state.maker().jobs, state.collection(), threshold=threshold)
            st.rerun()


def _summary(found: survey.Found) -> None:
    if not found.groups:
        st.success(tr("No duplicates: everything here is there once."), icon=":material/check_circle:")
        return
    spare = sum(len(group) - 1 for group in found.groups)
    groups = tr_n("1 group", "{count:,} groups", found.found)
    line = f"{groups}, {tr_n('1 item to spare', '{count:,} items to spare', spare)}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="duplicates-found"):
        st.html(html("h2", line, "fm-headline"))
        exact = sum(one[2] is not None for group in found.groups for one in group)
        if exact:
            with st.popover(
                tr_n("Remove 1 exact copy", "Remove all {count:,} exact copies", exact),
                icon=":material/delete_sweep:",
                key="all-exact",
            ):
                st.write(tr("Of each, something byte for byte the same stays here."))
                st.write(tr(_FILES_STAY))
                st.button(
                    tr("Yes, remove them"),
                    key="yes-exact",
                    type="primary",
                    on_click=_drop_exact,
                    args=(found,),
                )
    if len(found.groups) < found.found:
        st.caption(tr("The first {count:,} groups are shown.", count=len(found.groups)))


def _group(number: int, group: DuplicateGroup) -> None:
    ids = [member.item.id for member in group.members]
    key = f"keep-{ids[0]}"
    if st.session_state.get(key) not in ids:
        st.session_state[key] = ids[0]
    with st.container(key=f"group-{ids[0]}", gap="small"):
        kept = st.session_state[key]
        with st.container(key=f"copies-{ids[0]}"):
            for member in group.members:
                _member(member, key, kept, first=ids[0])
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(html("p", tr("Group {number:,}", number=number), "fm-small"))
            st.button(
                tr("Tag the others"),
                key=f"tag-{ids[0]}",
                icon=":material/label:",
                help=tr("Gives them the tag {tag}, to filter by", tag=_TAG),
                on_click=_tag_others,
                args=(ids, key),
            )
            with st.popover(
                tr_n("Remove the other", "Remove {count:,} others", len(ids) - 1),
                icon=":material/delete:",
                key=f"drop-{ids[0]}",
            ):
                st.write(tr(_FILES_STAY))
                st.button(
                    tr("Yes, remove"),
                    key=f"yes-{ids[0]}",
                    type="primary",
                    on_click=_drop_others,
                    args=(ids, key),
                )


def _member(member: Duplicate, key: str, kept: int, *, first: int) -> None:
    item, name = member.item, name_of(member.item)
    is_kept = item.id == kept
    with st.container(key=f"{'stays' if is_kept else 'copy'}-{item.id}", gap=None):
        grid.face(item, name)
        st.html(html("p", name, "fm-title"))
        size = f"{item.width:,} x {item.height:,}" if item.width else tr("text")
        st.html(
            f'<p class="fm-line">{html("span", _alike(member, first))}{html("span", size, "fm-aside")}</p>'
        )
        with st.container(horizontal=True, gap="small", key=f"choice-{item.id}"):
            st.button(
                tr("Kept") if is_kept else tr("Keep this"),
                key=f"choose-{item.id}",
                icon=":material/check_circle:" if is_kept else ":material/circle:",
                type="tertiary",
                disabled=is_kept,
                on_click=_choose,
                args=(key, item.id),
            )
            st.button(
                tr("Open"),
                key=f"look-{item.id}",
                type="tertiary",
                help=plain(tr("Open {name}", name=name)),
                on_click=state.change,
                kwargs={"item": item.id},
            )


def _alike(member: Duplicate, first: int) -> str:
    if member.item.id == first:
        return tr("the largest")
    if member.same_as is not None:
        return tr("byte for byte the same")
    return tr("{share} alike", share=percent(member.score))


def _choose(key: str, item_id: int) -> None:
    st.session_state[key] = item_id


def _tag_others(ids: list[int], key: str) -> None:
    others = [item_id for item_id in ids if item_id != st.session_state[key]]
    try:
        state.collection().store.add_tags([Tagging(item_id=item_id, tag=_TAG) for item_id in others])
    except FindmakeError as error:
        st.session_state["wrong copies"] = str(error)
        return
    st.session_state["copies"] = tr_n("1 item tagged.", "{count:,} items tagged.", len(others))


def _drop_others(ids: list[int], key: str) -> None:
    try:
        count = remove_copies(state.collection(), ids, keep=st.session_state[key])
    except FindmakeError as error:
        st.session_state["wrong copies"] = str(error)
        return
    st.session_state["copies"] = tr_n("1 item removed.", "{count:,} items removed.", count)


def _drop_exact(found: survey.Found) -> None:
    try:
        count = survey.remove_exact(state.collection(), found)
    except FindmakeError as error:
        st.session_state["wrong copies"] = str(error)
        return
    st.session_state["copies"] = tr_n("1 item removed.", "{count:,} items removed.", count)
