"""Routes about what is lacking: gaps, filling them, and the jobs that do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from generation import Gap as Lacking
from generation import find_gaps
from ui.services import answer, operations

from ..problems import ApiError
from ..schemas.jobs import ACTIVE, FillRequest, Gap, Gaps, Job, JobList, Tried
from ..service import Here, Service
from .pictures import kind_of

router = APIRouter(tags=["filling"])
_LOOK_S = 0.2  # between two looks at a job whose events somebody watches

JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["0123456789abcdef0123456789abcdef"])]
PictureName = Annotated[str, Path(pattern="^[a-z]+(-[0-9]{1,3})?$", examples=["preview"])]


@router.get("/gaps", operation_id="gaps")
async def gaps(
    here: Here,
    since: Annotated[
        str, Query(pattern=r"^(\d{4}-\d\d-\d\d)?$", examples=["2026-03-01"], description="A day, UTC.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Gaps:
    """List what was asked for and is not there, the most wanted first."""
    return await here.do(_gaps, here, since, limit)


@router.post("/fill", operation_id="fill", status_code=202)
async def fill(here: Here, asked: FillRequest) -> Job:
    """Make what a query asks for and the collection lacks; what proves to answer it is kept apart.

    The same wish twice is one job, as long as it has not ended.
    """
    return await here.do(_fill, here, asked)


@router.get("/jobs", operation_id="jobs")
async def jobs(here: Here, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> JobList:
    """List jobs, the newest first: also those that the page or another process has started."""
    return await here.do(_jobs, here, limit)


@router.get("/jobs/{job_id}", operation_id="job")
async def job(here: Here, job_id: JobId) -> Job:
    """Tell how far a job is, and what came of it."""
    return await here.do(_job, here, job_id)


@router.delete("/jobs/{job_id}", operation_id="cancel_job")
async def cancel_job(here: Here, job_id: JobId) -> Job:
    """Stop a job at its next step; one that has ended stays as it is."""
    return await here.do(_cancel, here, job_id)


@router.get(
    "/jobs/{job_id}/pictures/{name}",
    operation_id="job_picture",
    response_class=Response,
    responses={200: {"description": "The picture.", "content": {"image/*": {"schema": {"type": "string"}}}}},
)
async def job_picture(here: Here, job_id: JobId, name: PictureName) -> Response:
    """A picture that a job keeps for a while: ``preview`` of what is being made, or a candidate."""
    data = await here.do(here.jobs.picture, job_id, name)
    if data is None:
        raise ApiError(
            404, f"This job keeps no picture {name[:40]!r} (any more). The job names what it keeps."
        )
    return Response(data, media_type=kind_of(data[:32])[0], headers={"Cache-Control": "no-store"})


async def _there(here: Here, job_id: JobId) -> str:
    """Answer 404 before a stream begins."""
    await here.do(here.jobs.find, job_id)
    return job_id


@router.get("/jobs/{job_id}/events", operation_id="job_events", response_class=EventSourceResponse)
async def job_events(here: Here, job_id: Annotated[str, Depends(_there)]) -> AsyncIterator[ServerSentEvent]:
    """Watch a job: an event 'job' with its description at each change, until it has ended.

    Whoever loses the connection connects again: the first event always tells the present state.
    """
    seen: Job | None = None
    number = 0
    while True:
        present = await here.do(_job, here, job_id)
        if present != seen:
            yield ServerSentEvent(event="job", id=str(number), data=present)
            seen, number = present, number + 1
        if present.state not in ACTIVE:
            return
        await asyncio.sleep(_LOOK_S)


# -- in threads ------------------------------------------------------------------------------------------


def _gaps(here: Service, since: str, limit: int) -> Gaps:
    try:
        day = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
    except ValueError:
        raise ApiError(400, f"{since} is not a day. Write it as 2026-03-01.") from None
    found = find_gaps(here.collection, since=day)
    return Gaps(gaps=[_gap(each) for each in found[:limit]], total=len(found))


def _gap(gap: Lacking) -> Gap:
    return Gap(
        name=gap.name,
        variants=list(gap.variants),
        where=gap.where,
        kind=gap.kind,
        verdict=gap.verdict,
        times=gap.times,
        demand=gap.demand,
        first_at=gap.first_at,
        last_at=gap.last_at,
        nearest=list(gap.nearest),
        filled_by=list(gap.filled_by),
        tried=Tried(at=gap.attempt.at, outcome=gap.attempt.outcome) if gap.attempt else None,
    )


def _fill(here: Service, asked: FillRequest) -> Job:
    """Check what can be checked at once, and queue the rest.

    Raises:
        BadQuery: the query cannot be understood.
        BadFilter: the filter cannot be understood.
        BadRequest: the options do not fit together.
    """
    query = operations.compose(asked.query, where=asked.where, k=10)
    chosen = asked.model_dump(exclude={"query", "where"})
    options = answer.fill_options(here.searcher, **chosen)
    return here.jobs.told(here.maker.fill(here.searcher, query, options, here.options.generator))


def _jobs(here: Service, limit: int) -> JobList:
    return JobList(jobs=[here.jobs.told(each) for each in here.jobs.newest(limit)])


def _job(here: Service, job_id: str) -> Job:
    return here.jobs.told(here.jobs.find(job_id))


def _cancel(here: Service, job_id: str) -> Job:
    here.jobs.find(job_id)
    here.jobs.cancel(job_id)
    return _job(here, job_id)
