"""Routes that search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import ValidationError

from indexer import Facet as Counted
from indexer import decode_image
from search import Contribution as Given
from search import Hit as Found
from search import Picture, Results
from search import Query as Sought
from ui.services import answer as asking
from ui.services import operations

from ..cursors import digest_of, next_cursor, page_after, read_cursor
from ..problems import ApiError
from ..schemas.links import thumbnail_of
from ..schemas.search import (
    Contribution,
    Facet,
    FacetValue,
    Hit,
    Narrowed,
    SearchAnswer,
    SearchRequest,
    WordSearch,
)
from ..service import Here, Service

router = APIRouter(tags=["search"])
_PROBE_SIDE = 32  # pixels: enough to see that a picture decodes and how large it is


@router.post("/search", operation_id="search", response_model_exclude_none=False)
async def search(here: Here, asked: SearchRequest) -> SearchAnswer:
    """Search by words, pictures at public addresses, items, or all of them together."""
    return await here.do(_search, here, asked, asked.query, asked.item, None)


@router.get("/search", operation_id="search_words")
async def search_words(here: Here, asked: Annotated[WordSearch, Query()]) -> SearchAnswer:
    """Search by words; the simple way, for a link or a script."""
    narrowed = Narrowed(**asked.model_dump(exclude={"q"}))
    return await here.do(_search, here, narrowed, asked.q, None, None)


@router.post("/search/picture", operation_id="search_picture")
async def search_picture(
    here: Here,
    picture: Annotated[UploadFile, File(description="JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF.")],
    query: Annotated[str, Form(max_length=5_000, description="Words to go with it.")] = "",
    options: Annotated[
        str, Form(max_length=20_000, description="JSON as for /search.", examples=['{"k": 20}'])
    ] = "{}",
) -> SearchAnswer:
    """Search by an uploaded picture, which is not kept."""
    try:
        asked = SearchRequest.model_validate_json(options)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise ApiError(400, f"The options are not as for /search: {reason}. See /openapi.json.") from None
    data = await picture.read()
    return await here.do(_search, here, asked, query or asked.query, asked.item, data)


def _search(here: Service, asked: Narrowed, words: str, item: int | None, data: bytes | None) -> SearchAnswer:
    """Answer a query; in a thread."""
    picture = None
    if data is not None:
        decode_image(data, name="the picture", shorter_side=_PROBE_SIDE, max_pixels=here.options.most_pixels)
        picture = Picture(name="the picture", data=data)
    query = operations.compose(
        words, like=item, picture=picture, where=asked.where, k=asked.k, offset=asked.offset
    )
    query = _shaped(query, asked)
    digest = digest_of(asked, words, item, data)
    results = _found(here, query, asked, digest)
    here.metrics.verdicts.labels(results.verdict or "none").inc()
    explained = operations.explained(here.searcher, results) if asked.explain else None
    facets = operations.facets(here.searcher, results, asked.facets) if asked.facets else None
    told = answer(results, show_paths=here.options.show_paths, explained=explained, facets=facets)
    return told.model_copy(update={"next_cursor": next_cursor(results, digest)})


def _found(here: Service, query: Sought, asked: Narrowed, digest: str) -> Results:
    """Search; a page after a cursor is no question of its own, so it is not logged as one.

    Raises:
        ApiError: the cursor is of another search, or there is an offset, too.
    """
    if asked.cursor is None:
        with here.encoder.asking():
            return asking.search(here.searcher, query, here.settings)
    if asked.offset:
        raise ApiError(400, "Give a cursor or an offset, not both. The cursor is enough.")
    cursor = read_cursor(asked.cursor, digest)
    with here.encoder.asking():
        return page_after(here.searcher.search, query, cursor)


def _shaped(query: Sought, asked: Narrowed) -> Sought:
    return replace(
        query,
        threshold=asked.threshold,
        diversity=asked.diverse,
        order=asked.order,
        hybrid=asked.words,
        fold=asked.fold,
        generated=asked.generated,
    )


def answer(
    results: Results,
    *,
    show_paths: bool,
    explained: dict[int, tuple[Given, ...]] | None = None,
    facets: dict[str, Counted] | None = None,
) -> SearchAnswer:
    """Shape the answer to a query."""
    query, judgement = results.query, results.judgement
    more = len(results.hits) == query.k
    return SearchAnswer(
        query=query.text,
        verdict=results.verdict,
        coverage=results.coverage,
        reason=judgement.reason if judgement else None,
        approximate=judgement.approximate if judgement else None,
        warnings=list(results.warnings),
        considered=results.considered,
        took_ms=results.took_ms,
        hits=[_hit(hit, show_paths, (explained or {}).get(hit.item.id)) for hit in results.hits],
        next_offset=query.offset + query.k if more else None,
        next_cursor=None,
        facets=None if facets is None else {name: _facet(facet) for name, facet in facets.items()},
    )


def _hit(hit: Found, show_paths: bool, explained: Sequence[Given] | None) -> Hit:
    item = hit.item
    return Hit(
        rank=hit.rank,
        id=item.id,
        score=round(hit.score, 6),
        probability=hit.probability,
        title=item.title,
        modality=item.modality,
        origin=item.origin,
        apart=item.apart,
        matched=hit.matched,
        worded=hit.worded,
        folded=list(hit.folded),
        path=(item.path or item.key) if show_paths else None,
        thumbnail=thumbnail_of(item),
        explain=None if explained is None else [_given(part) for part in explained],
    )


def _given(part: Given) -> Contribution:
    return Contribution(term=part.label, value=round(float(part.value), 6))


def _facet(facet: Counted) -> Facet:
    return Facet(
        values=[FacetValue(value=str(value), count=count) for value, count in facet.values],
        items=facet.items,
        low=_plain(facet.low),
        high=_plain(facet.high),
    )


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
