"""Find: words, a picture or both; nothing asked shows what is new."""

from __future__ import annotations

import streamlit as st

from indexer import CollectionNotFound, FindmakeError, Item
from search import Hit, Picture, Results
from ui import services, state

from . import ask, detail, grid
from .style import html, plain

_EXAMPLES = (
    "something to sit on",
    "running shoes",
    "a plant",
    "an animal",
    "camera - black",
)
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
    if message := state.said():
        st.error(plain(message), icon=":material/error:")
    detail.draw(view)
    if view.asks:
        _results(view)
    else:
        _newest(view)


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
    query = services.compose(
        view.q, like=view.like, picture=_picture(view), k=state.PAGE_SIZE + 1, offset=offset
    )
    with st.spinner("Searching", show_time=False):
        results = state.answer(query)
    hits = results.hits[: state.PAGE_SIZE]
    if not hits:
        st.info("There are no more hits here.", icon=":material/info:")
    _headline(results, offset, len(hits))
    grid.draw([(hit.item, _why(hit)) for hit in hits])
    grid.paging(view.page, more=len(results.hits) > len(hits))


def _picture(view: state.View) -> Picture | None:
    kept = state.shelf().get(view.picture)
    return Picture(name=kept[0], data=kept[1]) if kept else None


def _headline(results: Results, offset: int, shown: int) -> None:
    for warning in results.warnings:
        st.warning(plain(warning), icon=":material/translate:")
    judgement = results.judgement
    if judgement is not None and judgement.verdict != "match":
        missed = judgement.verdict == "no match"
        banner, icon = (st.warning, ":material/search_off:") if missed else (st.info, ":material/help:")
        lead = "**No match.**" if missed else "**A weak match.**"
        banner(f"{lead} {plain(judgement.reason)}", icon=icon)
    if shown:
        what = "Nearest misses" if results.verdict == "no match" else "Best matches"
        text = f"{what} {offset + 1}-{offset + shown} of {results.considered:,} items"
        st.html(html("p", f"{text}, in {results.took_ms:,.0f} ms", "fm-headline"))


def _why(hit: Hit) -> str:
    by = "words" if hit.worded else "picture" if hit.matched == "image" else "text"
    sure = f"{hit.score:.3f}" if hit.probability is None else f"{hit.probability:.0%} likely"
    alike = f", +{len(hit.folded)} alike" if hit.folded else ""
    return f"{sure}, by {by}{alike}"


def _newest(view: state.View) -> None:
    """Browse what was added last, and offer some queries; meanwhile the model loads."""
    if view.page == 1:
        with st.container(horizontal=True, key="examples", gap="small"):
            for example in _EXAMPLES:
                st.button(example, key=f"example {example}", on_click=_try, args=(example,))
        st.caption(_HELP)
    offset = (view.page - 1) * state.PAGE_SIZE
    items = state.collection().store.page(offset, state.PAGE_SIZE + 1)
    shown = items[: state.PAGE_SIZE]
    st.html(html("h2", f"Newest of {len(state.collection()):,} items", "fm-headline"))
    grid.draw([(item, _what(item)) for item in shown])
    grid.paging(view.page, more=len(items) > len(shown))
    state.searcher()


def _try(example: str) -> None:
    state.change(q=example, like=None, picture="")


def _what(item: Item) -> str:
    return {"image": "picture", "text": "text"}.get(item.modality, "picture with text")
