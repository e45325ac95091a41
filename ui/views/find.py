"""Find: words, a picture or both; nothing asked shows what is new."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from indexer import CollectionNotFound, FindmakeError, Item
from search import Hit, Picture, parse_filter
from ui import services, state

from . import ask, detail, grid, made, make, narrow, provenance, verdict
from .style import html, plain

_EXAMPLES = (
    "a red sofa",
    "running shoes",
    "a plant in a pot",
    "a cat",
    "camera - black",
)
_NEAREST = 6  # misses above the offer to make it; the others stand below
_HELP = (
    "Describe what you look for, or paste a picture anywhere on this page. Put them together with plus and "
    "minus: **shoes + red**, **armchair - leather**, **2:handbag + floral** (the number is a weight). "
    "Words and a picture at once work, too."
)


def draw() -> None:
    """Draw the page; what goes wrong is told in place of the rest."""
    try:
        _draw()
    except CollectionNotFound as error:
        _how_to_start("There is no collection yet", str(error))
    except FindmakeError as error:
        st.error(plain(str(error)), icon=":material/error:")


def _draw() -> None:
    collection = state.collection()
    if not len(collection):
        command = f"findmake index FOLDER --collection {collection.folder}"
        _how_to_start("This collection is empty", f"Add pictures, tables or texts with: {command}")
        return
    view = state.view()
    ask.draw(view)
    provenance.told()
    made.draw(view)
    completions = st.container()
    detail.draw(view)
    if narrow.tell_problem(view):
        return
    if view.asks:
        _results(view)
    else:
        _newest(view)
    with completions:  # drawn last: the hits need not wait for another model
        ask.draw_completions(view.q)


def _how_to_start(title: str, sentence: str) -> None:
    text, _, command = sentence.partition(": ")
    st.subheader(title, anchor=False)
    st.info(f"{plain(text)}:", icon=":material/info:")
    st.code(command, language=None)
    st.caption("Then reload this page. A table of products (CSV, JSONL, Parquet) works as well as a folder.")


def _results(view: state.View) -> None:
    """Answer the view's query."""
    if view.picture and state.shelf().get(view.picture) is None:
        st.warning(
            "The picture of this search is no longer here: uploaded pictures are kept only while the page's "
            "server runs. Upload or paste it again.",
            icon=":material/image_not_supported:",
        )
        if not view.q and view.like is None:
            return
    offset = (view.page - 1) * state.PAGE_SIZE
    asked = services.compose(
        view.q, like=view.like, picture=_picture(view), where=view.where, k=state.PAGE_SIZE + 1, offset=offset
    )
    query = replace(asked, generated=view.generated)
    with st.spinner("Searching", show_time=False):
        results = state.answer(query)
    hits = results.hits[: state.PAGE_SIZE]
    if not results.considered:
        _nothing_satisfies()
        return
    verdict.draw(results)
    if hits:
        st.html(html("h2", verdict.headline(results, offset, len(hits)), "fm-headline"))
    else:
        st.info("There are no more hits here.", icon=":material/info:")
    lacking = results.verdict == "no match" and view.page == 1
    near = len(hits) if not lacking else _NEAREST
    grid.draw([_card(hit) for hit in hits[:near]], key="grid-near" if lacking else "grid")
    if view.page == 1:
        make.draw(asked, results)
    if hits[near:]:
        st.html(html("h2", "Further misses", "fm-headline"))
        grid.draw([_card(hit) for hit in hits[near:]], key="grid-rest")
    grid.paging(view.page, more=len(results.hits) > len(hits))


def _picture(view: state.View) -> Picture | None:
    kept = state.shelf().get(view.picture)
    return Picture(name=kept[0], data=kept[1]) if kept else None


def _card(hit: Hit) -> grid.Card:
    by = "words" if hit.worded else "picture" if hit.matched == "image" else "text"
    return grid.Card(
        item=hit.item,
        line=f"by {by}",
        hint=f"score {hit.score:.3f}",
        probability=hit.probability,
        alike=len(hit.folded),
    )


def _newest(view: state.View) -> None:
    """Browse what was added last, and offer some queries; meanwhile the model loads."""
    if view.page == 1:
        with st.container(horizontal=True, key="examples", gap="small"):
            for example in _EXAMPLES:
                st.button(example, key=f"example {example}", on_click=_try, args=(example,))
        st.caption(_HELP)
    offset = (view.page - 1) * state.PAGE_SIZE
    items, count = _items(view, offset)
    shown = items[: state.PAGE_SIZE]
    if count:
        st.html(html("h2", f"Newest of {count:,} items", "fm-headline"))
    else:
        _nothing_satisfies()
    grid.draw([grid.Card(item=item, line=_what(item)) for item in shown])
    grid.paging(view.page, more=len(items) > len(shown))
    state.searcher()


def _items(view: state.View, offset: int) -> tuple[list[Item], int]:
    """Fetch a page and one item more, newest first, and count what satisfies the filter."""
    collection, end = state.collection(), offset + state.PAGE_SIZE + 1
    if not view.where and not view.generated:
        return collection.store.page(offset, end - offset), len(collection)
    ids = collection.select(parse_filter(view.where or "id>0"), apart=view.generated)[::-1]
    return collection.store.items(ids[offset:end].tolist()), len(ids)


def _nothing_satisfies() -> None:
    st.info("Nothing here satisfies the filter. Change or remove it.", icon=":material/filter_alt:")


def _try(example: str) -> None:
    state.change(q=example, like=None, picture="")


def _what(item: Item) -> str:
    return {"image": "picture", "text": "text"}.get(item.modality, "picture with text")
