"""The jobs of the collection, as the API tells them: the very ones that the page sees, too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from indexer import FindmakeError
from indexer import Job as Kept
from ui.jobs.runner import Jobs, Reporter, Work

from .problems import ApiError, hiding, paths_in, plain_problem, status_named, titled
from .schemas.jobs import Attempt, Candidate, Filled, Indexed, Job, Problem, Progress

_MOST_WAITING = 50
_LOOKED_AT = 200  # as many as the table keeps
_FAILURE = "failure"  # in a job's result: what kind of error it was, and what paths its sentence names
_ABSOLUTE = re.compile(r"(?<![\w.:/])(?:/|[A-Za-z]:\\)(?:[^/\\\s]+[/\\])+")


class JobCancelled(FindmakeError):
    """Somebody cancelled the job that was running; raised at a place where nothing is half done."""

    def __init__(self) -> None:
        super().__init__("The job was cancelled. What was finished before is kept.")


class ApiJobs(Jobs):
    """The jobs of one collection, for many clients: a queue with an end, failures with their status.

    Args:
        folder: of the collection.
        hidden: gives the folders that answers must not name, or None to name them all.
    """

    def __init__(self, folder: Path, hidden: Callable[[], list[str] | None]) -> None:
        super().__init__(folder)
        self._hidden = hidden

    def start(self, work: Work, *, kind: str, title: str, key: str) -> Kept:
        """Queue work; see ``Jobs.start``.

        Raises:
            ApiError: too many are waiting.
        """
        active = [job for job in self.newest(_LOOKED_AT) if job.is_active]
        if len(active) >= _MOST_WAITING and key not in {job.key for job in active}:
            raise ApiError(503, f"{len(active)} jobs are waiting already. Try again when some are finished.")
        return super().start(_remembering(work), kind=kind, title=title, key=key)

    def find(self, job_id: str) -> Kept:
        """Look a job up.

        Raises:
            ApiError: there is none of this name, or it was long ago.
        """
        job = self.get(job_id)
        if job is None:
            raise ApiError(404, f"No job {job_id[:40]!r}. The last {_LOOKED_AT} are remembered.")
        return job

    def unfinished(self) -> int:
        """Count the jobs that wait or run, in whatever process."""
        return sum(job.is_active for job in self.newest(_LOOKED_AT))

    def told(self, job: Kept) -> Job:
        """Describe a job as it is now; no path of this machine in it, unless paths are shown."""
        hidden = self._hidden()
        return Job(
            id=job.id,
            kind=job.kind,
            title=job.title if hidden is None else _pathless(job.title, hidden),
            state=job.state,
            note=job.note if hidden is None else _pathless(job.note, hidden),
            created_at=job.queued_at,
            progress=Progress(done=min(job.done, job.total), total=job.total) if job.total else None,
            filled=_filled(job) if "outcome" in job.result else None,
            gaps=[Attempt.model_validate(each) for each in job.result.get("gaps", [])],
            indexed=Indexed.model_validate(job.result["indexed"]) if "indexed" in job.result else None,
            problem=_problem(job, hidden) if job.error else None,
        )


def _remembering(work: Work) -> Work:
    """Make work that leaves the kind of its failure with the job, so that a status can be told."""

    def wrapped(reporter: Reporter) -> Mapping[str, Any]:
        try:
            return work(reporter)
        except FindmakeError as error:
            if reporter.goes_on:
                failure = {"kind": type(error).__name__, "paths": paths_in(error)}
                reporter.keep_result({**reporter.result, _FAILURE: failure})
            raise

    return wrapped


def _problem(job: Kept, hidden: list[str] | None) -> Problem:
    failure = job.result.get(_FAILURE, {})
    detail = job.error
    if hidden is not None:
        detail = _pathless(hiding(detail, failure.get("paths", [])), hidden)
    if "kind" not in failure:
        return plain_problem(500, detail)
    return titled(failure["kind"], status_named(failure["kind"]), detail)


def _pathless(text: str, folders: Iterable[str]) -> str:
    """Write file names in place of paths, also of such as no folder of ours holds."""
    whole = Path(text)
    return whole.name if whole.is_absolute() else _ABSOLUTE.sub("", hiding(text, folders))


def _filled(job: Kept) -> Filled:
    result = dict(job.result)
    prompt = result.get("prompt")
    candidates = [
        Candidate.model_validate(each | {"picture": _address(job, each.get("picture"))})
        for each in result.get("candidates", [])
    ]
    told = result | {"prompt": prompt and prompt["text"], "candidates": candidates}
    return Filled.model_validate({name: told[name] for name in Filled.model_fields if name in told})


def _address(job: Kept, name: str | None) -> str | None:
    return f"jobs/{job.id}/pictures/{name}" if name else None
