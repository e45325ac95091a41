"""The query that a view asks."""

from __future__ import annotations

from dataclasses import replace

from search import EmbeddedQuery, Picture, Query
from ui.page import state
from ui.page.model.regions import read_region
from ui.services import operations


def query_of(view: state.View) -> Query:
    """Put together what a view asks, for its page and one hit more.

    Raises:
        EmptyQuery: nothing is asked.
        BadQuery: the words or the region cannot be understood.
        BadFilter: the filter cannot be understood.
    """
    asked = operations.compose(
        view.q,
        like=view.like,
        picture=picture_of(view),
        where=view.where,
        k=state.PAGE_SIZE + 1,
        offset=(view.page - 1) * state.PAGE_SIZE,
    )
    return replace(asked, generated=view.generated)


def embedded(view: state.View) -> EmbeddedQuery:
    """Embed what a view asks; words that were asked before are known.

    Raises:
        FindmakeError: it cannot be.
    """
    return state.searcher().embedder.embed(query_of(view))


def picture_of(view: state.View) -> Picture | None:
    """Give the uploaded picture with the part of it that counts; None if there is none (any more).

    Raises:
        BadQuery: the part cannot be understood.
    """
    kept = state.shelf().get(view.picture)
    return Picture(name=kept[0], data=kept[1], region=read_region(view.region)) if kept else None


def is_lost(view: state.View) -> bool:
    """Say whether the view names a picture that is no longer here."""
    return bool(view.picture) and state.shelf().get(view.picture) is None
