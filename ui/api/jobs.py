"""Work that takes longer than a request should: one job at a time, watched and cancelled from outside."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from indexer import FindmakeError

from .problems import ApiError, plain_problem, problem_of
from .work import Filled, Indexed, Job, JobState, Problem, Progress

_MOST_WAITING = 50
_REMEMBERED = 500  # finished jobs, the oldest forgotten first
_log = logging.getLogger("findmake.api")

Kind = Literal["fill", "index"]
Outcome = Filled | Indexed


class JobCancelled(FindmakeError):
    """Somebody cancelled the job that was running; raised at a place where nothing is half done."""

    def __init__(self) -> None:
        super().__init__("The job was cancelled. What was finished before is kept.")


@dataclass(slots=True, eq=False)
class Running:
    """A job as it goes on; ``Jobs`` alone changes it.

    Attributes:
        version: counts its changes.
    """

    id: str
    kind: Kind
    key: str
    work: Callable[[Running], Outcome]
    created_at: datetime
    state: JobState = "waiting"
    progress: Progress | None = None
    outcome: Outcome | None = None
    problem: Problem | None = None
    version: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def advance(self, done: int, total: int) -> None:
        """Tell how far it is; called by the work itself.

        Raises:
            JobCancelled: somebody wants it to stop.
        """
        if self.cancelled.is_set():
            raise JobCancelled
        self.progress = Progress(done=done, total=total)
        self.version += 1

    @property
    def is_finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ("done", "failed", "cancelled")

    def told(self) -> Job:
        """Describe it as it is now."""
        return Job(
            id=self.id,
            kind=self.kind,
            state=self.state,
            created_at=self.created_at,
            progress=self.progress,
            filled=self.outcome if isinstance(self.outcome, Filled) else None,
            indexed=self.outcome if isinstance(self.outcome, Indexed) else None,
            problem=self.problem,
        )


class Jobs:
    """The jobs of one server, done one after another. They end with the process; what they made stays.

    Args:
        hidden: folders that problems must not name, or None; see ``problem_of``.
    """

    def __init__(self, hidden: Callable[[], list[str] | None]) -> None:
        self._hidden = hidden
        self._jobs: dict[str, Running] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="job")

    def submit(self, kind: Kind, key: str, work: Callable[[Running], Outcome]) -> Running:
        """Put a job at the end of the queue; the same one twice is one job until it is finished.

        Args:
            kind: of work.
            key: equal for equal jobs.
            work: does it; calls ``advance`` now and then.

        Raises:
            ApiError: too many are waiting.
        """
        with self._lock:
            unfinished = [job for job in self._jobs.values() if not job.is_finished]
            for job in unfinished:
                if (job.kind, job.key) == (kind, key) and not job.cancelled.is_set():
                    return job
            if len(unfinished) >= _MOST_WAITING:
                detail = f"{len(unfinished)} jobs are waiting already. Try again when some are finished."
                raise ApiError(503, detail)
            made = Running(secrets.token_hex(8), kind, key, work, datetime.now(UTC))
            self._jobs[made.id] = made
            self._forget()
        self._worker.submit(self._run, made).add_done_callback(lambda future: self._finish(made, future))
        return made

    def find(self, job_id: str) -> Running:
        """Look a job up.

        Raises:
            ApiError: there is none of this name, or it was long ago.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise ApiError(
                404, f"No job {job_id[:40]!r}. Jobs are forgotten when the server is started anew."
            )
        return job

    def cancel(self, job_id: str) -> Running:
        """Ask a job to stop; a finished one stays as it is.

        Raises:
            ApiError: there is none of this name.
        """
        job = self.find(job_id)
        with self._lock:
            job.cancelled.set()
            if job.state == "waiting":
                job.state, job.version = "cancelled", job.version + 1
        return job

    def unfinished(self) -> int:
        """Count the jobs that wait or run."""
        with self._lock:
            return sum(not job.is_finished for job in self._jobs.values())

    def close(self) -> None:
        """Stop: cancel what runs, forget what waits, and wait for the end."""
        for job in list(self._jobs.values()):
            job.cancelled.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Running) -> Outcome | None:
        with self._lock:
            if job.cancelled.is_set():
                return None
            job.state, job.version = "running", job.version + 1
        return job.work(job)

    def _finish(self, job: Running, future: Future[Outcome | None]) -> None:
        """Keep what came of it; an error that is none of ours is a bug, and goes to the log."""
        error = None if future.cancelled() else future.exception()
        outcome = None if future.cancelled() or error else future.result()
        with self._lock:
            if error is not None and job.cancelled.is_set() and isinstance(error, FindmakeError):
                job.state = "cancelled"
            elif isinstance(error, FindmakeError):
                job.state, job.problem = "failed", problem_of(error, hidden=self._hidden())
            elif error is not None:
                job.state, job.problem = "failed", plain_problem(500, "Something is broken in the server.")
                _log.error("job %s (%s) failed", job.id, job.kind, exc_info=error)
            else:
                job.state, job.outcome = "done" if outcome else "cancelled", outcome
            job.version += 1

    def _forget(self) -> None:
        finished = [job.id for job in self._jobs.values() if job.is_finished]
        for job_id in finished[:-_REMEMBERED]:
            del self._jobs[job_id]
