"""Long work, outside the request that asked for it: one thread, and a table that outlives a reload.

    jobs = Jobs(collection.folder)
    job = jobs.start(work, kind="fill", title="a teal armchair", key="fill a teal armchair")
    jobs.get(job.id)      # how far it is; the same from any thread or process
    jobs.cancel(job.id)

``work`` is called with a ``Reporter``: it tells how far it is, and asks whether to go on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexer import FindmakeError, Job, JobState, JobStore

_EVERY_S = 0.25  # between two writes of progress
_BUG = "It ended by a fault of findmake's own; what happened stands in the log of the server."

Work = Callable[["Reporter"], Mapping[str, Any]]
"""Does the work and returns its result, as JSON has it. It stops by raising a FindmakeError as soon as the
reporter says not to go on; what it keeps before, by ``keep_result``, stays."""


class Reporter:
    """What a job's work tells, and whether it is still wanted. For the thread that works on it."""

    def __init__(self, store: JobStore, job_id: str) -> None:
        self._store = store
        self._id = job_id
        self._told: dict[str, Any] = {}
        self._written_at = 0.0
        self._stop = threading.Event()
        self.result: Mapping[str, Any] = {}

    @property
    def goes_on(self) -> bool:
        """Whether the work is still wanted, as far as known."""
        return not self._stop.is_set()

    def stop(self) -> None:
        """Want the work to stop; from any thread."""
        self._stop.set()

    def tell(self, *, done: int | None = None, total: int | None = None, note: str | None = None) -> bool:
        """Tell how far it is, several times a second if need be; say whether to go on."""
        given = {"done": done, "total": total, "note": note}
        self._told |= {name: value for name, value in given.items() if value is not None}
        if time.monotonic() - self._written_at >= _EVERY_S:
            self._write()
        return self.goes_on

    def keep_result(self, result: Mapping[str, Any]) -> None:
        """Keep what came of it so far, also if it is stopped or fails after that."""
        self.result = result
        self._told["result"] = dict(result)
        self._write()

    def keep_picture(self, name: str, data: bytes) -> None:
        """Keep a picture to show, in place of an older one of this name; on a full disk there is none."""
        with suppress(FindmakeError):
            self._store.keep(self._id, name, data)

    def untold(self) -> dict[str, Any]:
        """Give what was told and is not written yet."""
        return self._told

    def _write(self) -> None:
        self._written_at = time.monotonic()
        with suppress(FindmakeError):  # of a full disk the work itself will tell, if it matters to it
            if self._store.change(self._id, **self._told):
                self.stop()
            self._told = {}


class Jobs:
    """The long work of one collection; safe to use from several threads.

    One job at a time is worked on in this process. The thread ends with the process: what it had in hand is
    then shown as interrupted.

    Args:
        folder: of the collection.

    Raises:
        SchemaTooNew: a newer program wrote the table of jobs.
        StorageFailure: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._store = JobStore(folder)
        self._waiting: deque[tuple[str, Work]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._in_hand: tuple[str, Reporter] | None = None
        self._unwritten: dict[str, Job] = {}  # ends that the disk had no room for

    def start(self, work: Work, *, kind: str, title: str, key: str) -> Job:
        """Queue work, unless work with the same key waits or runs, here or in another process.

        Args:
            work: what to do.
            kind: of work, in a word.
            title: for a person to read.
            key: equal for work that is the same.

        Returns:
            The new job, or the one that is active.

        Raises:
            CollectionBusy: the table of jobs is being written to for ten seconds.
            StorageFailure: the disk is full; nothing was started.
        """
        with self._lock:
            job, is_new = self._store.add(kind=kind, title=title, key=key)
            if is_new:
                self._waiting.append((job.id, work))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work_off, name="findmake-jobs", daemon=True)
                    self._thread.start()
        return job

    def get(self, job_id: str) -> Job | None:
        """Look up a job; None if there is none (any more)."""
        return self._unwritten.get(job_id) or self._store.get(job_id)

    def latest(self, key: str) -> Job | None:
        """Look up the newest job with this key; None if there is none."""
        found = self._store.latest(key)
        return found and self._unwritten.get(found.id, found)

    def newest(self, limit: int = 50) -> list[Job]:
        """List jobs, the newest first."""
        return [self._unwritten.get(job.id, job) for job in self._store.newest(limit)]

    def picture(self, job_id: str, name: str) -> bytes | None:
        """Read a picture that a job has kept: ``preview``, or one that its result names."""
        return self._store.picture(job_id, name)

    def cancel(self, job_id: str) -> bool:
        """Ask a job to stop, of any process; say whether it waited or ran.

        Raises:
            StorageFailure: the table cannot be written.
        """
        waited = self._store.cancel(job_id)  # first, for work that is stopped may end before the next line
        in_hand = self._in_hand
        if in_hand is not None and in_hand[0] == job_id:
            in_hand[1].stop()
        return waited

    def close(self, *, wait_s: float = 10.0) -> None:
        """Stop what runs, forget what waits, and close the table.

        Args:
            wait_s: seconds to wait for the work in hand to stop.
        """
        with self._lock:
            self._waiting.clear()
            thread, in_hand = self._thread, self._in_hand
            if in_hand is not None:
                in_hand[1].stop()
        if thread is not None:
            thread.join(wait_s)
        self._store.close()

    # -- the one thread ---------------------------------------------------------------------------------

    def _work_off(self) -> None:
        try:
            while True:
                with self._lock:
                    if not self._waiting:
                        self._thread = None
                        return
                    job_id, work = self._waiting.popleft()
                    reporter = Reporter(self._store, job_id)
                    self._in_hand = job_id, reporter
                self._do(job_id, work, reporter)
        finally:
            with self._lock:  # after a bug, which goes its way into the log, the others have their turn
                if self._thread is threading.current_thread():
                    self._thread = None
                    if self._waiting:
                        self._thread = threading.Thread(target=self._work_off, daemon=True)
                        self._thread.start()

    def _do(self, job_id: str, work: Work, reporter: Reporter) -> None:
        state: JobState = "failed"
        error = _BUG
        try:
            if self._store.begin(job_id):
                reporter.result = work(reporter)
                state, error = "done", ""
            else:  # cancelled while it waited
                state, error = "cancelled", ""
        except FindmakeError as failure:
            state, error = ("failed", str(failure)) if reporter.goes_on else ("cancelled", "")
        finally:
            self._in_hand = None
            self._end(job_id, state, error, reporter)

    def _end(self, job_id: str, state: JobState, error: str, reporter: Reporter) -> None:
        told = reporter.untold() | {"result": dict(reporter.result)}
        try:
            self._store.end(job_id, state, error=error, **told)
        except FindmakeError:  # told from memory, as long as this process lives
            job = self._store.get(job_id)
            if job is not None:
                ended = replace(job, state=state, error=error, ended_at=datetime.now(UTC), **told)
                self._unwritten[job_id] = ended
