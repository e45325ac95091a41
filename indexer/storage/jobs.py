"""The jobs of a collection: long work that somebody asked for, how far it is, and what came of it.

They stand in a file of their own beside the collection, so that progress never waits for a run that indexes,
and the collection loses nothing with it. Several processes share it. A job belongs to the process that works
on it; while that process lives it holds a lock file, which ends with it however it ends. So a job whose
process was killed is found out, and shown as interrupted.
"""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
from sqlalchemy import Connection, delete, insert, select, update

from ..errors import SchemaTooNew, StorageFailure
from .database import SqliteDatabase
from .schema.job_tables import ACTIVE, JOB_TABLES, JOBS, PICTURES, Job, JobState, job_of, row_of

MOST_JOBS, MOST_WITH_PICTURES = 200, 20
"""Jobs that are kept, and of these the ones that keep their pictures, too; the oldest that have ended go."""

_FILE, _SCHEMA = "jobs.sqlite", 1
_OWNER = re.compile(r"[0-9a-f]{32}")
_INTERRUPTED = (
    "The program that worked on it ended before it was done. What it had stored is kept; start it again."
)


class JobStore:
    """The jobs of a collection. Every method is one transaction; safe to use from several threads.

    Args:
        folder: of the collection.

    Raises:
        SchemaTooNew: a newer program wrote the table.
        StorageFailure: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._db = SqliteDatabase(folder / _FILE)
        self.owner = uuid.uuid4().hex
        self._alive = filelock.FileLock(self._lock_file(self.owner))
        with self._db.writing() as connection:
            found = int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
            if found > _SCHEMA:
                raise SchemaTooNew(found, _SCHEMA)
            JOB_TABLES.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={_SCHEMA}")
        try:
            self._alive.acquire(timeout=0)
        except OSError as error:
            raise StorageFailure(folder, error.strerror or str(error)) from error

    def close(self) -> None:
        """Give up this owner's jobs, and close the file."""
        self._db.close()
        self._alive.release()
        with suppress(OSError):
            self._lock_file(self.owner).unlink(missing_ok=True)

    # -- reading ----------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job | None:
        """Look up a job; None if there is none (any more)."""
        found = self._read(JOBS.c.id == job_id, limit=1)
        return found[0] if found else None

    def latest(self, key: str) -> Job | None:
        """Look up the newest job with this key; None if there is none."""
        found = self._read(JOBS.c.key == key, limit=1)
        return found[0] if found else None

    def newest(self, limit: int = 50) -> list[Job]:
        """List jobs, the newest first."""
        return self._read(None, limit=limit)

    def picture(self, job_id: str, name: str) -> bytes | None:
        """Read a picture that a job has kept; None if there is none of this name."""
        wanted = (PICTURES.c.job == job_id) & (PICTURES.c.name == name)
        with self._db.reading() as connection:
            return connection.scalar(select(PICTURES.c.data).where(wanted))

    def _read(self, condition: Any, *, limit: int) -> list[Job]:
        statement = select(JOBS).order_by(JOBS.c.number.desc()).limit(limit)
        if condition is not None:
            statement = statement.where(condition)
        with self._db.reading() as connection:
            rows = connection.execute(statement).all()
        if self._dead(rows):
            with self._db.writing() as connection:
                self._bury(connection)
                rows = connection.execute(statement).all()
        return [job_of(row) for row in rows]

    # -- writing ----------------------------------------------------------------------------------------

    def add(self, *, kind: str, title: str, key: str) -> tuple[Job, bool]:
        """Queue a job for this owner, unless one with the same key is active.

        Returns:
            The new job, or the active one, and whether it is new.
        """
        with self._db.writing() as connection:
            self._bury(connection)
            active = (JOBS.c.key == key) & JOBS.c.state.in_(ACTIVE)
            row = connection.execute(select(JOBS).where(active)).first()
            if row is not None:
                return job_of(row), False
            job = Job(id=uuid.uuid4().hex, kind=kind, title=title, key=key, queued_at=datetime.now(UTC))
            connection.execute(insert(JOBS).values(row_of(job, self.owner)))
            _forget_oldest(connection)
        return job, True

    def begin(self, job_id: str) -> bool:
        """Take a queued job in hand; say whether it was still queued and nobody wants it stopped."""
        queued = (JOBS.c.id == job_id) & (JOBS.c.state == "queued") & ~JOBS.c.cancelling
        with self._db.writing() as connection:
            started = update(JOBS).where(queued).values(state="running", started_at=_now())
            return bool(connection.execute(started).rowcount)

    def change(self, job_id: str, **values: Any) -> bool:
        """Write how far a running job is; say whether somebody wants it stopped.

        Args:
            job_id: the job.
            values: any of ``done``, ``total``, ``note`` and ``result``.
        """
        with self._db.writing() as connection:
            if values:
                connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))
            return bool(connection.scalar(select(JOBS.c.cancelling).where(JOBS.c.id == job_id)))

    def end(self, job_id: str, state: JobState, *, error: str = "", **values: Any) -> None:
        """Write what came of a job, once; ``values`` as of ``change``."""
        active = (JOBS.c.id == job_id) & JOBS.c.state.in_(ACTIVE)
        with self._db.writing() as connection:
            ended = {"state": state, "error": error, "ended_at": _now(), **values}
            connection.execute(update(JOBS).where(active).values(**ended))

    def cancel(self, job_id: str) -> bool:
        """Ask a job to stop; one that waits is cancelled at once. Say whether it was active."""
        active = (JOBS.c.id == job_id) & JOBS.c.state.in_(ACTIVE)
        with self._db.writing() as connection:
            asked = connection.execute(update(JOBS).where(active).values(cancelling=True)).rowcount
            waits = active & (JOBS.c.state == "queued")
            connection.execute(update(JOBS).where(waits).values(state="cancelled", ended_at=_now()))
        return bool(asked)

    def keep(self, job_id: str, name: str, data: bytes) -> None:
        """Keep a picture with a job, in place of an older one of this name."""
        wanted = (PICTURES.c.job == job_id) & (PICTURES.c.name == name)
        with self._db.writing() as connection:
            connection.execute(delete(PICTURES).where(wanted))
            connection.execute(insert(PICTURES).values(job=job_id, name=name, data=data))

    # -- whose process is gone --------------------------------------------------------------------------

    def _lock_file(self, owner: str) -> Path:
        return self._folder / f".jobs-{owner}.lock"

    def _dead(self, rows: Any) -> list[str]:
        """List the owners of active jobs that do not live any more."""
        owners = {row.owner for row in rows if row.state in ACTIVE} - {self.owner}
        return [owner for owner in owners if not self._lives(owner)]

    def _lives(self, owner: str) -> bool:
        file = self._lock_file(owner)
        if not _OWNER.fullmatch(owner) or not file.exists():
            return False
        probe = filelock.FileLock(file)
        try:
            probe.acquire(timeout=0)
        except (filelock.Timeout, OSError):
            return True
        probe.release()
        with suppress(OSError):
            file.unlink(missing_ok=True)
        return False

    def _bury(self, connection: Connection) -> None:
        rows = connection.execute(select(JOBS.c.owner, JOBS.c.state).where(JOBS.c.state.in_(ACTIVE)))
        for owner in self._dead(rows.all()):
            theirs = (JOBS.c.owner == owner) & JOBS.c.state.in_(ACTIVE)
            ended = {"state": "interrupted", "error": _INTERRUPTED, "ended_at": _now()}
            connection.execute(update(JOBS).where(theirs).values(**ended))


def _forget_oldest(connection: Connection) -> None:
    ended = JOBS.c.state.not_in(ACTIVE)
    newest = select(JOBS.c.number).order_by(JOBS.c.number.desc())
    connection.execute(delete(JOBS).where(JOBS.c.number.not_in(newest.limit(MOST_JOBS)), ended))
    old = select(JOBS.c.id).where(JOBS.c.number.not_in(newest.limit(MOST_WITH_PICTURES)), ended)
    connection.execute(delete(PICTURES).where(PICTURES.c.job.in_(old)))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
