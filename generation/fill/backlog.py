"""Working through gaps within a budget, and going on later: what was filled or tried is remembered."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from indexer import ItemNotFound
from search import Searcher, SearchError

from ..errors import BadRequest, Blocked
from ..generator import Generator
from ..request import OnStep
from .fill import FillReport, check_generator, fill_gap
from .gaps import Attempt, Gap, remember_attempt
from .plan import FillOptions
from .wait_for_lock import patiently


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When to stop working through gaps.

    Attributes:
        most: gaps to try; None for all.
        minutes: after so long no further one is begun; None for no limit.
        again: also try those that were tried since they were asked last.
    """

    most: int | None = None
    minutes: float | None = None
    again: bool = False

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise BadRequest(f"a budget of {self.most} gaps", "at least 1")
        if self.minutes is not None and not self.minutes > 0:
            raise BadRequest(f"a budget of {self.minutes} minutes", "more than 0")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attempted:
    """A gap that was tried.

    Attributes:
        gap: the gap.
        report: what came of it; None if it could not even be asked for.
        reason: why not: it is blocked, or cannot be understood any more; empty otherwise.
    """

    gap: Gap
    report: FillReport | None
    reason: str = ""

    @property
    def outcome(self) -> str:
        """What came of it, in a word or two."""
        return self.report.outcome if self.report else "blocked"


def fill_gaps(
    searcher: Searcher,
    generator: Generator,
    gaps: Sequence[Gap],
    options: FillOptions | None = None,
    *,
    budget: Budget | None = None,
    on_step: OnStep | None = None,
) -> Iterator[Attempted]:
    """Fill gaps one by one, in their order, and yield what came of each as soon as it is stored.

    Those that were filled before, or tried since they were asked last, are left out: pass the rest again, and
    it goes on where it stopped. What is blocked, or cannot be asked for any more, is remembered as tried;
    whatever else goes wrong ends the run, and the gap in hand is not remembered.

    Args:
        searcher: over the collection; calibrated.
        generator: makes the pictures.
        gaps: what ``find_gaps`` gave, or some of it.
        options: how to fill each.
        budget: when to stop.
        on_step: called after each step of the generator; False stops.

    Raises:
        GeneratorMismatch: the generator reads embeddings of another encoder.
        GenerationCancelled: ``on_step`` returned False.
        OutOfMemory: the machine cannot hold the model or the size.
        CollectionBusy: another process has been writing for half a minute.
        StorageFailure: the disk is full.
    """
    check_generator(generator, searcher.collection)
    budget = budget or Budget()
    started = time.monotonic()
    wanted = [gap for gap in gaps if gap.is_open or (budget.again and not gap.filled_by)]
    for gap in wanted[: budget.most]:
        if budget.minutes is not None and time.monotonic() - started >= 60 * budget.minutes:
            return
        attempted = _attempt(searcher, generator, gap, options or FillOptions(), on_step)
        attempt = Attempt(at=datetime.now(UTC), outcome=attempted.outcome)
        patiently(partial(remember_attempt, searcher.collection, gap, attempt))
        yield attempted


def _attempt(
    searcher: Searcher, generator: Generator, gap: Gap, options: FillOptions, on_step: OnStep | None
) -> Attempted:
    try:
        report = fill_gap(searcher, generator, gap.query(), options, on_step=on_step)
    except (Blocked, SearchError, ItemNotFound) as error:
        return Attempted(gap=gap, report=None, reason=str(error))
    return Attempted(gap=gap, report=report)
