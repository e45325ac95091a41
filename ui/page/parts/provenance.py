"""What a model made: the mark on it, how it was made, and what can be decided about it."""

from __future__ import annotations

import streamlit as st

from indexer import FindmakeError, Generated, Item, discard, promote
from ui.page import state
from ui.page.i18n import retold, tr

from .style import definitions, html, name_of, percent, plain
from .thumbnail import show_small


def badge(item: Item) -> str:
    """Say in a word or two that a model made it; empty if none did."""
    if isinstance(item.provenance, Generated):
        return tr("made by findmake")
    return tr("generated") if item.origin == "generated" else ""


def described(item: Item) -> str:
    """Name an item for who cannot see it, with its mark."""
    mark = badge(item)
    return f"{name_of(item)} ({mark})" if mark else name_of(item)


def facts(made: Generated) -> dict[str, str]:
    """Gather how a picture was made, in the order of interest."""
    chance = made.extras.get("fill_probability")
    verdict = retold(made.verdict)
    if isinstance(chance, int | float):
        verdict = tr("{verdict}, {percent} likely", verdict=verdict, percent=percent(float(chance)))
    guidance = f"{made.guidance:g}"
    told = {
        tr("made for"): made.for_query,
        tr("verdict"): verdict,
        tr("prompt"): made.prompt,
        tr("avoiding"): made.negative_prompt,
        tr("model"): f"{made.model} {made.revision}".strip(),
        tr("mode"): made.mode,
        tr("seed"): str(made.seed),
        tr("steps"): tr(
            "{steps}, {scheduler}, guidance {guidance}",
            steps=made.steps,
            scheduler=made.scheduler,
            guidance=guidance,
        ),
        tr("made at"): tr("{width} x {height} pixels", width=made.width, height=made.height)
        if made.width
        else "",
        tr("made on"): f"{made.at:%Y-%m-%d %H:%M} UTC",
    }
    own = {name.replace("_", " "): value for name, value in made.extras.items() if name[:5] != "fill_"}
    told |= {name: str(value) for name, value in own.items() if value not in (None, "")}
    return {name: value for name, value in told.items() if value}


def panel(item: Item, *, key: str) -> None:
    """Draw everything about how an item was made: nothing for one that was not made here.

    Args:
        item: to tell about.
        key: of its widgets.
    """
    made = item.provenance
    if not isinstance(made, Generated):
        return
    st.html(html("p", tr("Synthetic: a model made this picture, and its file says so."), "fm-synthetic"))
    st.html(definitions(facts(made)))
    parents = state.collection().store.items(list(made.parents))
    if parents:
        st.html(html("p", tr("It took its look from:"), "fm-parents"))
        thumbnails(parents, key=f"parents-{key}")


def thumbnails(items: list[Item], *, key: str) -> None:
    """Draw small pictures in a row, each with its name for who cannot see it; texts are left out."""
    with st.container(horizontal=True, key=f"thumbs-{key}", gap="small"):
        for item in items:
            small = state.collection().store.thumbnail(item.id)
            if small is not None:
                show_small(small, width=64, alt=described(item))


def decide(item: Item, *, key: str) -> None:
    """Offer to promote or discard what was made here.

    Args:
        item: one that was made here.
        key: of its widgets.
    """
    with st.container(horizontal=True, gap="small", key=f"decide-{key}"):
        if item.apart:
            st.button(
                tr("Promote"),
                key=f"promote-{key}",
                icon=":material/check:",
                help=tr("Put it into the catalogue: it is found like all others, and stays marked"),
                on_click=_promote,
                args=(item.id,),
            )
        with st.popover(tr("Discard"), icon=":material/delete:", key=f"ask-discard-{key}"):
            st.write(tr("Remove this picture and its file for good?"))
            sure = tr("Yes, discard it")
            st.button(sure, key=f"discard-{key}", type="primary", on_click=_discard, args=(item.id,))


def _promote(item_id: int) -> None:
    try:
        promote(state.collection(), [item_id])
    except FindmakeError as error:
        state.say(str(error))


def _discard(item_id: int) -> None:
    try:
        discard(state.collection(), [item_id])
    except FindmakeError as error:
        state.say(str(error))
        return
    if state.view().item == item_id:
        state.change(item=None)


def told() -> None:
    """Show the sentence that waits, if any."""
    if message := state.said():
        st.error(plain(retold(message)), icon=":material/error:")
