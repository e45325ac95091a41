"""The map: each item a point, what is alike together; its picture under the pointer, its page by a click."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from indexer import FindmakeError, Ids
from search import COLUMNS, TILES, CollectionMap, follow, load_map
from ui.jobs import survey
from ui.page import state
from ui.page.i18n import later, tr, tr_n
from ui.page.model.filter_choices import offered
from ui.page.model.listing import members
from ui.page.model.map_colours import Colours, Entry, coloured

from ..parts import facets, job_progress, narrow, show_generated
from ..parts.style import html
from . import browse

Marks = NDArray[np.bool_]

_LAYER = "items"
_SHOWN = 84  # pixels of the picture under the pointer
_HEIGHT = 620
_MOST = 20_000  # points that are drawn; of more, a sample
_FEWEST = 3
_WHAT = later(
    "Draws every item as a point, so that what is alike lies together. Working it out takes about half a "
    "minute for 10,000 items, once; new items then find their place by themselves."
)


def draw(view: state.View) -> None:
    """Draw the map, or the way to have it made."""
    facets.draw(view)
    if narrow.tell_problem(view):
        return
    collection, jobs = state.collection(), state.maker().jobs
    job = jobs.latest(survey.MAP_KEY)
    if job is not None and job.is_active:
        job_progress.draw(job)
        return
    if job is not None:
        job_progress.how_it_ended(job)
    if len(collection) < _FEWEST:
        st.info(tr("A map needs at least three items."), icon=":material/scatter_plot:")
        return
    known = _current(collection.folder.as_posix(), collection.store.change(), job.id if job else "")
    if known is None:
        st.caption(tr(_WHAT))
        _offer(tr("Draw the map"), prominent=True)
        return
    _map(view, known)


@st.cache_resource(show_spinner=False, max_entries=2)
def _current(folder: str, change: int, job: str) -> CollectionMap | None:
    """Read the map and bring it up to date, once for each change and each new map."""
    collection = state.collection()
    known = load_map(collection)
    return None if known is None else follow(collection, known)


def _offer(label: str, *, prominent: bool = False) -> None:
    st.button(
        label,
        key="draw-map",
        type="primary" if prominent else "tertiary",
        icon=":material/scatter_plot:",
        on_click=_start,
    )


def _start() -> None:
    try:
        survey.start_map(state.maker().jobs, state.collection())
    except FindmakeError as error:
        state.say(str(error))


def _map(view: state.View, known: CollectionMap) -> None:
    with st.container(horizontal=True, key="narrow", vertical_alignment="bottom", gap="medium"):
        browse.origins(view)
        _colour(view)
        show_generated.draw(view)
    browse.tag_chip(view)
    at = np.flatnonzero(np.isin(known.ids, members(state.collection(), view)))
    if len(at) > _MOST:
        at = np.sort(np.random.default_rng(0).choice(at, _MOST, replace=False))
        st.caption(tr("{count:,} of them are drawn, chosen by chance.", count=_MOST))
    if not len(at):
        st.info(tr("Nothing here is of this kind."), icon=":material/info:")
        return
    colours, legend = coloured(state.collection(), known.ids[at], view.colour)
    synthetic = np.isin(known.ids[at], state.collection().store.tally().made)
    _legend(legend, int(synthetic.sum()))
    st.html(_sheets(known))
    _points(view, known, at, colours, synthetic)
    behind = int((known.tiles < 0).sum())
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="map-foot"):
        line = tr_n("1 item", "{count:,} items", len(at))
        st.html(html("p", f"{line}. {tr('Drag to move, scroll to come nearer, click to open.')}", "fm-small"))
        if behind:
            placed = tr_n(
                "1 item came later and was placed by what it is like.",
                "{count:,} items came later and were placed by what they are like.",
                behind,
            )
            st.html(html("p", placed, "fm-small"))
        _offer(tr("Draw it anew"))


def _colour(view: state.View) -> None:
    """Draw the choice of the field that colours the points."""
    fields = ["", *(choice.field for choice in offered(state.collection()) if choice.sort != "dates")]
    if view.colour not in fields:
        fields.append(view.colour)
    st.session_state["colour"] = view.colour
    st.selectbox(
        tr("Colour by"),
        fields,
        format_func=lambda field: facets.name_of_field(field) if field else tr("One colour"),
        key="colour",
        on_change=lambda: state.change(colour=st.session_state["colour"]),
    )


def _legend(entries: tuple[Entry, ...], synthetic: int) -> None:
    """Say what the colours mean."""
    named = {"others": tr("others"), "none": tr("without")}
    shown = [
        f'<li><span class="fm-swatch" style="background:{each.colour}"></span>'
        + html("span", named.get(each.sort, each.label) + (f" ({each.count:,})" if each.count else ""))
        + "</li>"
        for each in entries
    ]
    if synthetic:
        ring = tr_n("1 made by a model", "{count:,} made by a model", synthetic)
        shown.append(f'<li><span class="fm-swatch fm-ring"></span>{html("span", ring)}</li>')
    if shown:
        st.html(f'<ul class="fm-legend">{"".join(shown)}</ul>')


def _points(view: state.View, known: CollectionMap, at: Ids, colours: Colours, synthetic: Marks) -> None:
    import pydeck  # comes with Streamlit

    rows = _rows(known, at, colours, synthetic)
    if st.session_state.get("map closed") != (view.item is None):  # another layer drops the last selection
        st.session_state["map closed"] = view.item is None
        st.session_state["map layer"] = st.session_state.get("map layer", 0) + 1
    layer = pydeck.Layer(
        "ScatterplotLayer",
        id=f"{_LAYER}-{st.session_state['map layer']}",
        data=rows,
        get_position="p",
        get_fill_color="c",
        get_line_color=[20, 24, 26],
        get_line_width="w",
        get_radius=1,
        radius_min_pixels=3 if len(rows) > 2_000 else 5,
        radius_max_pixels=14,
        line_width_units=pydeck.types.String("pixels"),
        stroked=True,
        pickable=True,
        auto_highlight=True,
        highlight_color=[255, 255, 255, 130],
    )
    tile = '<div class="fm-tile fm-sheet-{s}" style="background-position:{x}px {y}px"></div>'
    deck = pydeck.Deck(
        layers=[layer],
        views=[pydeck.View(type="OrthographicView", controller=True)],
        initial_view_state=pydeck.ViewState(target=[0, 0, 0], zoom=_zoom()),
        map_provider=None,
        tooltip={
            "html": tile + '<p class="fm-tile-name">{n}</p>',
            "style": {"background": "none", "padding": 0},
        },
    )
    st.pydeck_chart(
        deck,
        key="map-of-items",
        height=_HEIGHT,
        on_select=_selected,
        alt=tr("Map of {count:,} items: what is alike lies together", count=len(rows)),
    )


def _zoom() -> float:
    return 1.55  # the plane's 200 units on some 600 pixels


def _rows(known: CollectionMap, at: Ids, colours: Colours, synthetic: Marks) -> list[dict[str, Any]]:
    """Write the points as the browser gets them: short names, for there may be many thousand."""
    names = state.collection().store.names()
    found = []
    for place, number in enumerate(at.tolist()):
        item_id, tile = int(known.ids[number]), int(known.tiles[number])
        sheet, cell = divmod(tile, TILES) if tile >= 0 else (-1, 0)
        x, y = known.points[number].tolist()
        found.append(
            {
                "i": item_id,
                "p": [round(x * 100, 3), round(-y * 100, 3)],
                "c": colours[place].tolist(),
                "w": 2 if synthetic[place] else 0,
                "n": names.get(item_id, "").rpartition("/")[2][:80],
                "s": sheet,
                "x": -(cell % COLUMNS) * _SHOWN,
                "y": -(cell // COLUMNS) * _SHOWN,
            }
        )
    return found


def _name(known: CollectionMap) -> tuple[int, int]:
    return id(known), known.change


@st.cache_data(show_spinner=False, max_entries=2, hash_funcs={CollectionMap: _name})
def _sheets(known: CollectionMap) -> str:
    """Write the small pictures as a style sheet: the browser has them before the pointer asks."""
    size = f"background-size:{COLUMNS * _SHOWN}px auto"
    rules = [
        f".fm-sheet-{number}{{{size};background-image:url(data:image/webp;base64,{data})}}"
        for number, data in enumerate(base64.b64encode(sheet).decode() for sheet in known.sheets)
    ]
    return f"<style>{''.join(rules)}</style>"


def _selected() -> None:
    chosen = st.session_state["map-of-items"].get("selection", {}).get("objects", {})
    points = [point for some in chosen.values() for point in some]
    if points and str(points[0].get("i", "")).isdecimal():
        state.change(item=int(points[0]["i"]))
