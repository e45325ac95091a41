"""What is told of gaps and of jobs, and of what goes wrong, as the OpenAPI document describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .base import NUMBER, Asked, Told, Whole

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
ACTIVE = ("queued", "running")


class Tried(Told):
    """The last attempt to fill a gap."""

    at: datetime
    outcome: str


class Gap(Told):
    """Something that is asked for and is not there."""

    name: str
    variants: list[str]
    where: str
    kind: str
    verdict: str
    times: int
    demand: float
    first_at: datetime
    last_at: datetime
    nearest: list[int]
    filled_by: list[int]
    tried: Tried | None


class Gaps(Told):
    """What the collection lacks, the most wanted first."""

    gaps: list[Gap]
    total: int


class FillRequest(Asked):
    """What to make, and how; what is left out is left to the generator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "a teal armchair", "candidates": 4}]})
    query: str = Field(min_length=1, max_length=2_000)
    where: str = Field(default="", max_length=2_000)
    candidates: Whole = Field(default=4, ge=1, le=16)
    keep: Whole = Field(default=1, ge=1, le=16)
    seed: Annotated[int, Field(ge=0, lt=2**31, strict=False), NUMBER] | None = None
    steps: Annotated[int, Field(ge=1, le=200, strict=False), NUMBER] | None = None
    guidance: float | None = Field(default=None, ge=0, le=50)
    neighbours: Whole = Field(default=4, ge=0, le=10)
    style_weight: float | None = Field(default=None, ge=0, le=1)
    kind: Literal["product", "photo", "illustration"] | None = None
    negative: str = Field(default="", max_length=1_000)
    start: Literal["query", "nearest"] | None = None
    strength: float = Field(default=0.7, ge=0, le=1)
    weak: bool = False
    force: bool = False


class Candidate(Told):
    """One picture that was made."""

    seed: int
    probability: float | None
    verdict: str | None
    refused: str | None
    id: int | None = Field(description="Of the item that it became; null if it was not kept.")
    picture: str | None = Field(default=None, description="Address, as long as the job keeps it.")


class Filled(Told):
    """What came of filling a gap."""

    outcome: str = Field(description="filled, reused, not needed, not convincing or blocked")
    verdict: str
    coverage: float
    reason: str
    prompt: str | None
    candidates: list[Candidate]
    kept: list[int]
    reused: list[int]
    seconds: float


class FailedFile(Told):
    """An input that could not be indexed."""

    name: str
    reason: str


class Indexed(Told):
    """What an indexing run did."""

    added: int
    updated: int
    moved: int
    unchanged: int
    removed: int
    failed: list[FailedFile]
    notes: list[str]
    seconds: float


class Progress(Told):
    """How far a job is."""

    done: int
    total: int


class Problem(BaseModel):
    """What went wrong, in the form of RFC 9457."""

    type: str = Field(examples=["urn:findmake:problem:bad-filter"])
    title: str
    status: int
    detail: str = Field(description="What happened, what was expected, and what to do next.")
    errors: list[dict[str, Any]] | None = Field(default=None, description="Where a request is at fault.")


class Attempt(Told):
    """What came of one gap, where many are filled."""

    name: str
    outcome: str
    reason: str
    items: list[int] = Field(description="Ids of what fills it.")


class Job(Told):
    """Work that takes longer than a request should; started here, on the page, or elsewhere."""

    id: str
    kind: str = Field(description="Such as fill, gaps or index.")
    title: str
    state: JobState
    note: str = Field(description="What it is doing, or what came of it, in a few words.")
    created_at: datetime
    progress: Progress | None
    filled: Filled | None = Field(default=None, description="What came of filling a gap.")
    gaps: list[Attempt] = Field(default_factory=list, description="What was tried, where gaps are filled.")
    indexed: Indexed | None = Field(default=None, description="What an indexing run did.")
    problem: Problem | None = None


class JobList(Told):
    """Jobs, the newest first."""

    jobs: list[Job]
