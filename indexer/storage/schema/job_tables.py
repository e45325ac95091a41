"""The table of jobs, and a job as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
)

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]

ACTIVE = ("queued", "running")

JOB_TABLES = MetaData()
JOBS = Table(
    "jobs",
    JOB_TABLES,
    Column("number", Integer, primary_key=True),  # their order
    Column("id", String, unique=True, nullable=False),
    Column("owner", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("key", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("result", JSON, nullable=False),
    Column("error", Text, nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("queued_at", DateTime, nullable=False),
    Column("started_at", DateTime),
    Column("ended_at", DateTime),
    sqlite_autoincrement=True,
)
PICTURES = Table(
    "pictures",
    JOB_TABLES,
    Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A piece of long work.

    Attributes:
        id: 32 hexadecimal digits that nobody can guess.
        kind: of work, in a word, such as ``fill``.
        title: for a person to read.
        key: equal for work that is the same: of such, one at a time is active.
        state: ``queued``, ``running``, ``done``, ``failed``, ``cancelled`` or ``interrupted``.
        done, total: how far it is, in steps; a total of 0 is not known yet.
        note: what it is doing, or what came of it, in a few words.
        result: what came of it so far, as JSON has it.
        error: why it failed, in a sentence; empty if it did not.
        cancelling: somebody wants it to stop.
        queued_at, started_at, ended_at: UTC; None if that has not happened.
    """

    id: str
    kind: str
    title: str
    key: str
    state: JobState = "queued"
    done: int = 0
    total: int = 0
    note: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    cancelling: bool = False
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it waits or is being worked on."""
        return self.state in ACTIVE

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


def job_of(row: Row[Any]) -> Job:
    """Read a row."""
    values = {name: value for name, value in row._mapping.items() if name not in ("number", "owner")}
    for name in ("queued_at", "started_at", "ended_at"):
        values[name] = values[name] and values[name].replace(tzinfo=UTC)
    return Job(**values)


def row_of(job: Job, owner: str) -> dict[str, Any]:
    """Write a job that waits as a row; times are kept in UTC, without saying so."""
    return asdict(job) | {"owner": owner, "queued_at": job.queued_at.astimezone(UTC).replace(tzinfo=None)}
