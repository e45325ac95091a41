"""What the page keeps: models and collection once per process, the view in the URL.

The URL is the truth about a view, so a link shows it to somebody else and the back button works. An uploaded
picture cannot stand in a URL: its checksum does, and its bytes wait on a shelf of the process.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from indexer import Collection, FindmakeError
from search import Query, Results, Searcher

from ..jobs import fill
from ..jobs.index import Filler
from ..jobs.runner import Jobs
from ..jobs.upkeep import Keeper
from ..server import threads
from ..services import answer as asking
from ..services import collections as places
from ..services import operations
from ..services.collections import Places
from ..settings import Settings
from . import i18n
from .i18n import tr
from .model.upload_cache import Shelf as Shelf
from .view import View as View

PAGE_SIZE = 24
FIND = "Find"
"""Title of the page that searches."""
_LONGEST_QUERY = 1_000  # characters
LONGEST_FILTER = 2_000  # characters; a URL takes about as many
SIZES = ("small", "", "large")
"""Of the pictures in a grid, as the URL names them."""
PARTS = ("", "add", "quality", "doctor", "new")
"""Parts of the page of a collection, as the URL names them."""
SHOWN = ("", "timeline", "tags", "duplicates", "map")
"""Parts of the library, as the URL names them."""
_CLOSED: dict[str, str | int | None] = {"item": None, "alike": None, "compare": ""}  # what lies over a page
_KEEP_PAGE = _CLOSED.keys() | {"page", "size"}


def view() -> View:
    """Read the view from the URL; a number that cannot be understood counts as not given."""
    given = st.query_params
    return View(
        q=given.get("q", "").strip()[:_LONGEST_QUERY],
        like=_number(given.get("like", "")),
        picture=given.get("picture", ""),
        where=given.get("where", "").strip()[: LONGEST_FILTER + 1],  # one more shows that it is too long
        page=_number(given.get("page", "")) or 1,
        item=_number(given.get("item", "")),
        generated=given.get("generated", "") == "1",
        origin=given.get("origin", "")[:20],
        tag=given.get("tag", "").strip()[:200],
        show=_one_of(given.get("show", ""), SHOWN),
        sort=given.get("sort", "").strip()[:100],
        when=given.get("when", "").strip()[:100],
        during=given.get("during", "")[:30],
        colour=given.get("colour", "").strip()[:100],
        lang=_chosen_language(),
        size=_one_of(given.get("size", ""), SIZES),
        region=given.get("region", "")[:100],
        alike=_number(given.get("alike", "")),
        compare=given.get("compare", "")[:100],
        collection=_chosen_collection(),
        part=_one_of(given.get("part", ""), PARTS),
    )


def _chosen_language() -> str:
    """Read the language that was chosen; the session remembers it: links between pages do not carry it."""
    given = st.query_params.get("lang", "")
    if given in i18n.LANGUAGES:
        st.session_state["lang"] = given
    return str(st.session_state.get("lang", ""))


def language() -> str:
    """Tell the language of this session: the one that was chosen, else the browser's; English in none."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return i18n.ENGLISH
    return _chosen_language() or i18n.language_for(st.context.locale)


i18n.ask_for_language_by(language)


def _chosen_collection() -> str:
    """Read the name of the collection that was chosen; the session remembers it, as it does the language."""
    given = st.query_params.get("collection", "")[:100]
    if given and given != st.session_state.get("collection", ""):
        _forget_answers()
        st.session_state["collection"] = given
    return str(st.session_state.get("collection", ""))


def _forget_answers() -> None:
    """Drop what this session knows of another collection: its items have the same numbers."""
    for name in ("answer", "completions", "gaps", "proposed"):
        st.session_state.pop(name, None)


def settings() -> Settings:
    """Give the settings of the process, with the collection that this session has chosen.

    Raises:
        CollectionNotFound: there is none of that name.
    """
    given = Settings.read()
    if get_script_run_ctx(suppress_warning=True) is None:
        return given
    return places.choose(given, _chosen_collection())


def open_place(name: str) -> None:
    """Turn to another collection; nothing of the view of this one makes sense there.

    Args:
        name: of one of ``collections``, or of one that is being made.
    """
    _forget_answers()
    st.session_state["collection"] = name
    st.query_params.from_dict(View(lang=_chosen_language(), collection=name).as_parameters())


def go(target: View) -> None:
    """Make this the view: one new entry in the browser's history, or none if it is shown already."""
    target = target if target.lang else replace(target, lang=_chosen_language())
    target = target if target.collection else replace(target, collection=_chosen_collection())
    if target != view():
        st.query_params.from_dict(target.as_parameters())


def seek(target: View) -> None:
    """Show this on Find, from whatever page."""
    if st.session_state.get("place", FIND) == FIND:
        go(target)
    else:
        st.session_state["bound for"] = target  # a callback cannot turn to another page by itself


def bound_for() -> View | None:
    """Take the view that is to be shown on Find, once; None if there is none."""
    target: View | None = st.session_state.pop("bound for", None)
    return target


def change(**parts: str | int | None) -> None:
    """Change parts of the view; what is sought anew starts at its first page."""
    now = view()
    start_over = {} if parts.keys() <= _KEEP_PAGE else {"page": 1}
    go(replace(now, **_CLOSED | start_over | parts))  # type: ignore[arg-type]


def _one_of(text: str, known: tuple[str, ...]) -> str:
    return text if text in known else ""


def _number(text: str) -> int | None:
    """Read a positive number that SQLite can hold."""
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text[:20]) < 2**63 else None


# -- shared by all sessions; each is safe to use from several threads ---------------------------------

_loaded: set[Settings] = set()  # of which the model was loaded once: nobody need be told to wait


def collection() -> Collection:
    """Open the collection, once per process.

    Raises:
        CollectionNotFound: there is none yet.
    """
    return _current(settings())


def _current(settings: Settings) -> Collection:
    """Open a collection once, and anew when it was given another encoder meanwhile."""
    opened = _open_collection(settings)
    if not opened.is_current:
        _open_searcher.clear(settings)
        _open_collection.clear(settings)
        opened = _open_collection(settings)
    return opened


def searcher() -> Searcher:
    """Load the collection's model, once per process.

    Raises:
        CollectionNotFound: there is no collection yet.
        ModelUnavailable: the model's weights are not here.
    """
    chosen = settings()
    _current(chosen)
    if chosen in _loaded or get_script_run_ctx(suppress_warning=True) is None:
        return _open_searcher(chosen)
    with st.spinner(tr("Loading the model. This happens once and takes some seconds.")):
        found = _open_searcher(chosen)
    _loaded.add(chosen)
    return found


@st.cache_resource(show_spinner=False, max_entries=4)
def _open_collection(settings: Settings) -> Collection:
    return operations.open_collection(settings)


@st.cache_resource(show_spinner=False, max_entries=4)
def _open_searcher(settings: Settings) -> Searcher:
    threads.one_for_each_product()
    opened = _open_collection(settings)
    made = operations.searcher_over(opened, settings)
    made.search(operations.compose("warming up", k=1))  # an encoder may load its weights only when used
    with suppress(FindmakeError):  # where nothing can be written, nothing is calibrated either
        _open_upkeep(settings)[1].calibrated.append(made.recalibrate)
    return made


def maker() -> fill.Maker:
    """Give what starts long work, once per process.

    Raises:
        CollectionNotFound: there is no collection yet.
        StorageFailure: its folder cannot be written, so that there is nowhere to remember work.
    """
    return _open_maker(settings(), collection().folder)


def _close_maker(maker: fill.Maker) -> None:
    maker.jobs.close(wait_s=2.0)


@st.cache_resource(show_spinner=False, max_entries=64, on_release=_close_maker)  # one let go stops its work
def _open_maker(settings: Settings, folder: Path) -> fill.Maker:
    return fill.Maker(Jobs(folder), settings)


def upkeep(of: Settings | None = None) -> tuple[Filler, Keeper]:
    """Give what fills the collection and looks after it, once per process; also of one that is being made.

    Args:
        of: names the collection; None for that of this session.

    Raises:
        StorageFailure: its folder cannot be written, so that there is nowhere to remember work.
    """
    return _open_upkeep(of or settings())


@st.cache_resource(show_spinner=False, max_entries=64)
def _open_upkeep(settings: Settings) -> tuple[Filler, Keeper]:
    filler = Filler(_open_maker(settings, settings.collection).jobs, settings)
    return filler, Keeper(filler, settings)


@st.cache_resource(show_spinner=False)
def collections() -> Places:
    """Give what lists the collections, once per process."""
    return Places()


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """Give the shelf of this process."""
    return Shelf()


# -- this session's own -------------------------------------------------------------------------------


def answer(query: Query) -> Results:
    """Search, unless the very same was asked just before: opening a dialog must not search again."""
    key = query, collection().store.change()
    known: tuple[object, Results] | None = st.session_state.get("answer")
    if known is None or known[0] != key:
        known = key, asking.search(searcher(), query, settings())
        st.session_state["answer"] = known
    return known[1]


def say(message: str) -> None:
    """Keep a sentence to show on the next run: callbacks have no place on the page."""
    st.session_state["said"] = message


def said() -> str | None:
    """Take the sentence that waits, once."""
    message: str | None = st.session_state.pop("said", None)
    return message
