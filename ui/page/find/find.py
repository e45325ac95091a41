"""Find: words, a picture or both; nothing asked shows what is new."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from indexer import CollectionNotFound, FindmakeError, Item
from search import Hit, Results
from ui.page import state
from ui.page.i18n import later, retold, tr
from ui.page.model.filter_counts import ids_of

from ..parts import (
    detail,
    facets,
    grid,
    narrow,
    provenance,
    selection,
    show_generated,
    sizes,
    view_query,
    votes,
)
from ..parts.style import html, plain
from . import compare, make, near_duplicates, query_box, verdict

_EXAMPLES = (
    later("a red sofa"),
    later("running shoes"),
    later("a plant in a pot"),
    later("a cat"),
    later("camera - black"),
)
_NEAREST = 4  # misses above the offer to make it; the others stand below
_FOR_TERMINALS = " See: findmake --help"  # ends the sentence about a query; here its rules stand on the page
_HELP = later(
    "Describe what you look for, or paste a picture anywhere on this page. Put them together with plus and "
    "minus: **shoes + red**, **armchair - leather**, **2:handbag + floral** (the number is a weight). "
    "Words and a picture at once work, too."
)


def draw() -> None:
    """Draw the page; what goes wrong is told in place of the rest."""
    try:
        _draw()
    except CollectionNotFound as error:
        _how_to_start(tr("There is no collection yet"), str(error))
    except FindmakeError as error:
        _tell(error)


def _draw() -> None:
    collection = state.collection()
    st.html(Path(__file__).with_name("find.css"))
    if not len(collection):
        command = f"findmake index FOLDER --collection {collection.folder}"
        told = tr("Add pictures, tables or texts with")
        _how_to_start(tr("This collection is empty"), f"{told}: {command}")
        return
    view = state.view()
    query_box.draw(view)
    provenance.told()
    show_generated.draw(view)
    completions = st.container()
    detail.draw(view)
    compare.draw(view)
    try:
        if not narrow.tell_problem(view):
            _found(view)
    except FindmakeError as error:
        _tell(error)
    facets.draw(view)  # drawn last: the hits need not wait for what is beside and above them
    with completions:
        query_box.draw_completions(view.q)


def _tell(error: FindmakeError) -> None:
    told = retold(str(error)).removesuffix(_FOR_TERMINALS)
    st.error(plain(told), icon=":material/error:")


def _found(view: state.View) -> None:
    """Draw the hits, or what is new where nothing is asked."""
    if view.asks:
        _results(view)
    else:
        _newest(view)


def _how_to_start(title: str, sentence: str) -> None:
    text, _, command = sentence.partition(": ")
    st.subheader(title, anchor=False)
    st.info(f"{plain(retold(text))}:", icon=":material/info:")
    st.code(command, language=None)
    told = tr("Then reload this page. A table of products (CSV, JSONL, Parquet) works as well as a folder.")
    st.caption(told)


def _results(view: state.View) -> None:
    """Answer the view's query."""
    if view_query.is_lost(view):
        told = tr(
            "The picture of this search is no longer here: uploaded pictures are kept only while the page's "
            "server runs. Upload or paste it again."
        )
        st.warning(told, icon=":material/image_not_supported:")
        if not view.q and view.like is None:
            return
    query = view_query.query_of(view)
    with st.spinner(tr("Searching"), show_time=False):
        results = state.answer(query)
    if not results.considered:
        _nothing_satisfies()
        return
    verdict.draw(results)
    hits = results.hits[: state.PAGE_SIZE]
    _heading(view, verdict.headline(results, query.offset, len(hits)) if hits else "")
    selection.draw({hit.item.id: hit.probability for hit in hits})
    _hits(view, results, hits)
    grid.paging(view.page, more=len(results.hits) > len(hits))
    if view.page == 1:
        votes.draw(view)
    near_duplicates.draw(view, results)


def _hits(view: state.View, results: Results, hits: tuple[Hit, ...]) -> None:
    """Draw the hits; of misses the first few above the offer to make what is lacking."""
    lacking = results.verdict == "no match" and view.page == 1
    near = _NEAREST if lacking else len(hits)
    grid.draw([_card(hit) for hit in hits[:near]], key="grid-near" if lacking else "grid", acts=True)
    if view.page == 1:
        make.draw(results.query, results)
    if hits[near:]:
        st.html(html("h2", tr("Further misses"), "fm-headline"))
        grid.draw([_card(hit) for hit in hits[near:]], key="grid-rest", acts=True)


def _heading(view: state.View, line: str) -> None:
    """Head the grid with a line, and let people say how large its pictures are."""
    if not line:
        st.info(tr("There are no more hits here."), icon=":material/info:")
        return
    with st.container(horizontal=True, key="heading", vertical_alignment="bottom", gap="small"):
        st.html(html("h2", line, "fm-headline"))
        sizes.draw(view)


def _card(hit: Hit) -> grid.Card:
    by = tr("by words") if hit.worded else tr("by picture") if hit.matched == "image" else tr("by text")
    return grid.Card(
        item=hit.item,
        line=by,
        hint=tr("score {score}", score=f"{hit.score:.3f}"),
        probability=hit.probability,
        alike=len(hit.folded),
    )


def _newest(view: state.View) -> None:
    """Browse what was added last, and offer some queries; meanwhile the model loads."""
    if view.page == 1:
        with st.container(horizontal=True, key="examples", gap="small"):
            for example in _EXAMPLES:
                st.button(tr(example), key=f"example {example}", on_click=_try, args=(example,))
        st.caption(tr(_HELP))
        votes.draw(view)
    offset = (view.page - 1) * state.PAGE_SIZE
    items, count = _items(view, offset)
    shown = items[: state.PAGE_SIZE]
    if shown:
        _heading(view, tr("Newest of {count:,} items", count=count))
    elif count:
        _heading(view, "")
    else:
        _nothing_satisfies()
    selection.draw({item.id: None for item in shown})
    grid.draw([grid.Card(item=item, line=_what(item)) for item in shown], acts=True)
    grid.paging(view.page, more=len(items) > len(shown))
    state.searcher()


def _items(view: state.View, offset: int) -> tuple[list[Item], int]:
    """Fetch a page and one item more, newest first, and count what satisfies the filter."""
    collection, end = state.collection(), offset + state.PAGE_SIZE + 1
    ids = ids_of(collection, view.where, generated=view.generated)
    if ids is None:
        return collection.store.page(offset, end - offset), len(collection)
    return collection.store.items(ids[::-1][offset:end].tolist()), len(ids)


def _nothing_satisfies() -> None:
    st.info(tr("Nothing here satisfies the filter. Change or remove it."), icon=":material/filter_alt:")


def _try(example: str) -> None:
    state.change(q=example, like=None, picture="", region="")  # in English, which every model reads


def _what(item: Item) -> str:
    if item.modality == "image":
        return tr("picture")
    return tr("text") if item.modality == "text" else tr("picture with text")
