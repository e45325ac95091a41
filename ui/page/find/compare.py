"""Two items side by side: their pictures, what they differ in, and what each owes to which term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from indexer import FindmakeError, Item
from search import Hit
from ui.page import state
from ui.page.i18n import retold, tr
from ui.page.model.explanations import Row, compared, hits_of, reasons

from ..parts import explain, facets, grid, view_query
from ..parts.style import html, name_of, percent, plain, shown


def draw(view: state.View) -> None:
    """Open the comparison that the URL names, if any."""
    if not view.compare or view.item is not None:
        return
    ids = [int(part) for part in view.compare.split(",") if part.isascii() and part.isdecimal()]
    items = state.collection().store.items([each for each in ids if each < 2**63])
    if len(ids) == 2 and len(items) == 2:
        st.dialog(tr("Side by side"), width="large", on_dismiss=_close)(_inside)(items)
    else:
        told = tr("Cannot compare {ids}: expected two different items that are here.", ids=view.compare)
        st.error(plain(told), icon=":material/error:")


def _close() -> None:
    state.change(compare="")


def _inside(items: Sequence[Item]) -> None:
    view = state.view()
    left, right = items
    with st.container(key="sides"):
        for item in items:
            with st.container(key=f"card-side-{item.id}", gap=None):
                grid.face(item, name_of(item))
                st.html(html("p", name_of(item), "fm-title"))
                st.button(
                    tr("Open {name}", name=plain(name_of(item))),
                    key=f"side-{item.id}",
                    type="tertiary",
                    icon=":material/open_in_full:",
                    on_click=state.change,
                    kwargs={"item": item.id},
                )
    if view.asks and not view_query.is_lost(view):
        _asked(view, items)
    st.html(_table(compared(left, right), [name_of(item) for item in items]))


def _asked(view: state.View, items: Sequence[Item]) -> None:
    """Tell how likely each answers what was asked, and why."""
    try:
        searcher, embedded = state.searcher(), view_query.embedded(view)
        hits = hits_of(searcher, view_query.query_of(view), tuple(item.id for item in items))
        found = [reasons(searcher, embedded, item) for item in items]
    except FindmakeError as error:
        st.caption(plain(retold(str(error))))
        return
    both = [reason for each in found for reason in each]
    with st.container(key="sides-why"):
        for item, own in zip(items, found, strict=True):
            st.html(_likely(hits, item) + "".join(explain.bars(reason, both) for reason in own))


def _likely(hits: Mapping[int, Hit], item: Item) -> str:
    hit = hits.get(item.id)
    if hit is None:
        return html("p", tr("This item is itself part of the search."), "fm-reason")
    if hit.probability is None:
        return ""
    told = tr("{percent} likely to be what was asked for", percent=percent(hit.probability))
    fill = f'<span style="width:{hit.probability:.1%}"></span>'
    return f'{html("p", told, "fm-reason")}<div class="fm-chance" aria-hidden="true">{fill}</div>'


def _table(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Write a table for who sees it and who hears it: what differs is marked by a sign, not colour alone."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(_row(row) for row in rows)
    corner = f'<th scope="col">{escape(tr("What"))}</th>'
    return (
        f'<table class="fm-compare"><thead><tr>{corner}{heads}</tr></thead><tbody>{body}</tbody></table>'
        + html("p", tr("≠ marks what differs."), "fm-small")
    )


def _row(row: Row) -> str:
    sign = f'<abbr title="{escape(tr("differs"), quote=True)}">≠</abbr> ' if row.differs else ""
    name = escape(facets.name_of_field(row.name))
    cells = "".join(f"<td>{escape(_value(value))}</td>" for value in (row.left, row.right))
    return f'<tr class="{"fm-differs" if row.differs else ""}"><th scope="row">{sign}{name}</th>{cells}</tr>'


def _value(value: object) -> str:
    return "-" if value is None else shown(value)[:400]
