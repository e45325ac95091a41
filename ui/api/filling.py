"""Routes about what is lacking: gaps, filling them, and the jobs that do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from generation import FillOptions, FillReport, Step, fill_gap, find_gaps
from generation import Gap as Lacking
from search import Query as Sought
from ui import asking, services

from .jobs import Running
from .problems import ApiError
from .service import Here, Service
from .work import Candidate, Filled, FillRequest, Gap, Gaps, Job, Tried

router = APIRouter(tags=["filling"])
_LOOK_S = 0.2  # between two looks at a job whose events somebody watches

JobId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["0123456789abcdef"])]


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


@router.get("/jobs/{job_id}", operation_id="job")
async def job(here: Here, job_id: JobId) -> Job:
    """Tell how far a job is, and what came of it."""
    return here.jobs.find(job_id).told()


@router.delete("/jobs/{job_id}", operation_id="cancel_job")
async def cancel_job(here: Here, job_id: JobId) -> Job:
    """Stop a job at its next step; one that has ended stays as it is."""
    return here.jobs.cancel(job_id).told()


def _watched(here: Here, job_id: JobId) -> Running:
    return here.jobs.find(job_id)


@router.get("/jobs/{job_id}/events", operation_id="job_events", response_class=EventSourceResponse)
async def job_events(watched: Annotated[Running, Depends(_watched)]) -> AsyncIterator[ServerSentEvent]:
    """Watch a job: an event 'job' with its description at each change, until it has ended.

    Whoever loses the connection connects again: the first event always tells the present state.
    """
    seen = -1
    while True:
        finished, version = watched.is_finished, watched.version
        if version != seen:
            yield ServerSentEvent(event="job", id=str(version), data=watched.told())
            seen = version
        if finished:
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
    query = services.compose(asked.query, where=asked.where, k=10)
    chosen = asked.model_dump(exclude={"query", "where"})
    options = asking.fill_options(here.searcher, **chosen)

    def work(running: Running) -> Filled:
        return _filled(here, running, query, options)

    return here.jobs.submit("fill", asked.model_dump_json(), work).told()


def _filled(here: Service, running: Running, query: Sought, options: FillOptions) -> Filled:
    def on_step(step: Step) -> bool:
        if running.cancelled.is_set():
            return False
        running.advance(step.picture * step.steps + step.step, step.pictures * step.steps)
        return True

    return _told(fill_gap(here.searcher, here.generator(), query, options, on_step=on_step))


def _told(report: FillReport) -> Filled:
    return Filled(
        outcome=report.outcome,
        verdict=report.before.verdict,
        coverage=report.before.coverage,
        reason=report.before.reason,
        prompt=report.prompt.text if report.prompt else None,
        candidates=[
            Candidate(
                seed=each.settings.seed,
                probability=each.verification.probability if each.verification else None,
                verdict=each.verdict,
                refused=each.refused,
                id=each.item_id,
            )
            for each in report.candidates
        ],
        kept=list(report.kept),
        reused=list(report.reused),
        seconds=report.seconds,
    )
