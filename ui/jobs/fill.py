"""Making what is lacking, as jobs: what the page and whoever else runs long can start, and find again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from indexer import Job, thumbnail
from search import Like, Picture, Query, Searcher, Vector, Words

from ..formats.reports import fill_to_json
from ..settings import Settings
from .runner import Jobs, Reporter

if TYPE_CHECKING:
    from generation import Attempted, Budget, FillOptions, FillReport, Gap, Generator, Step

PREVIEW = "preview"
"""Name of the picture of a job that shows what is being made."""

_PREVIEW_SIDE = 256  # pixels
_PREVIEW_EVERY_S = 0.6
_PARTS = 1_000  # of one gap, for the progress of many


class Maker:
    """Starts what makes pictures, for one collection; the generator that was used last stays loaded.

    Args:
        jobs: of the collection.
        settings: name the generators and the device.
        load: gives a generator by its name; None for the real ones, on the device.
    """

    def __init__(
        self, jobs: Jobs, settings: Settings, *, load: Callable[[str], Generator] | None = None
    ) -> None:
        self.jobs = jobs
        self._settings = settings
        self._open = load or self._load_real
        self._loaded: tuple[str, Generator] | None = None  # only the thread of the jobs looks at it

    @property
    def generators(self) -> list[str]:
        """Names of the generators that may be asked for, the usual one first."""
        return list(dict.fromkeys([self._settings.generator, "starter"]))

    def fill(self, searcher: Searcher, query: Query, options: FillOptions, generator: str) -> Job:
        """Start to fill a gap, unless that is being done.

        The job's result is that of ``findmake fill --json``; a candidate that was not kept has a
        ``picture``, by which the job keeps it.

        Args:
            searcher: over the collection; calibrated.
            query: what is sought.
            options: how to fill it.
            generator: one of ``generators``.

        Raises:
            StorageFailure: the disk is full; nothing was started.
        """

        def work(reporter: Reporter) -> Mapping[str, Any]:
            from generation import fill_gap

            made = self._load(generator, reporter)
            on_step = _Steps(reporter)
            return _keep(fill_gap(searcher, made, query, options, on_step=on_step), reporter)

        title = query.text or "a picture like the one given"
        return self.jobs.start(work, kind="fill", title=title, key=fill_key(query))

    def fill_gaps(
        self,
        searcher: Searcher,
        gaps: Sequence[Gap],
        options: FillOptions,
        *,
        budget: Budget,
        generator: str,
    ) -> Job:
        """Start to fill gaps one by one within a budget, unless gaps are being filled.

        The job's result has a list ``gaps`` of what was tried so far: ``name``, ``outcome``, ``reason`` and
        ``items``, the ids of what fills it.

        Args:
            searcher: over the collection; calibrated.
            gaps: which, in their order.
            options: how to fill each.
            budget: when to stop.
            generator: one of ``generators``.

        Raises:
            StorageFailure: the disk is full; nothing was started.
        """

        def work(reporter: Reporter) -> Mapping[str, Any]:
            from generation import fill_gaps

            made = self._load(generator, reporter)
            on_step = _Steps(reporter, gaps=min(len(gaps), budget.most or len(gaps)))
            tried: list[dict[str, Any]] = []
            for each in fill_gaps(searcher, made, gaps, options, budget=budget, on_step=on_step):
                tried.append(_attempted(each))
                on_step.next_gap()
                reporter.keep_result({"gaps": tried})
            return {"gaps": tried}

        title = f"{len(gaps):,} gaps" if len(gaps) != 1 else gaps[0].name
        return self.jobs.start(work, kind="gaps", title=title, key=GAPS_KEY)

    def _load(self, name: str, reporter: Reporter) -> Generator:
        """Load a generator, unless it is the one that was used last.

        Raises:
            GeneratorUnavailable: it is not here and cannot be fetched.
            GenerationCancelled: somebody wants the job to stop.
        """
        import generation

        reporter.tell(note="Loading the generator")
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None  # there may not be room for two
            self._loaded = name, self._open(name)
        if not reporter.goes_on:
            raise generation.GenerationCancelled(0, 0)
        return self._loaded[1]

    def _load_real(self, name: str) -> Generator:
        import generation

        return generation.load_generator(name, device=self._settings.device)


GAPS_KEY = "gaps"
"""Key of the job that fills many gaps: of such, one at a time is enough."""


def fill_key(query: Query) -> str:
    """Give the key of the job that fills this gap: equal for queries that ask for the same."""
    parts = [" ".join(query.text.casefold().split()), query.where]
    for term in query.terms:
        if isinstance(term, Picture):
            shown = hashlib.sha256(term.data).hexdigest() if term.data is not None else term.url or term.path
            parts.append(f"picture {term.weight} {shown} {term.region}")
        elif isinstance(term, Like):
            parts.append(f"item {term.weight} {term.item_id} {term.region}")
        elif isinstance(term, Vector):
            parts.append(f"vector {hashlib.sha256(term.embedding.tobytes()).hexdigest()}")
        elif isinstance(term, Words):
            parts.append(f"words {term.weight} {' '.join(term.text.casefold().split())}")
    return f"fill {hashlib.sha256(chr(0).join(parts).encode('utf-8', 'replace')).hexdigest()[:32]}"


class _Steps:
    """Tells a job how far the generator is, and draws now and then what is being made.

    Args:
        reporter: of the job.
        gaps: how many are going to be filled.
    """

    def __init__(self, reporter: Reporter, *, gaps: int = 1) -> None:
        self._reporter = reporter
        self._gaps = gaps
        self._gap = 0
        self._drawn_at = 0.0

    def next_gap(self) -> None:
        """Go on with the next one."""
        self._gap += 1
        self._reporter.tell(done=self._gap * _PARTS)

    def __call__(self, step: Step) -> bool:
        """Take note of a step; say whether to go on."""
        steps = step.pictures * step.steps
        done = step.picture * step.steps + step.step
        gap = f"Gap {self._gap + 1} of {self._gaps}: " if self._gaps > 1 else ""
        note = f"{gap}picture {step.picture + 1} of {step.pictures}, step {step.step} of {step.steps}"
        if done == steps:
            note = f"{gap}holding what was made against the search"
        self._draw(step.preview, is_last=done == steps)
        place = self._gap * _PARTS + round(_PARTS * done / max(steps, 1))
        note = note[0].upper() + note[1:]
        return self._reporter.tell(done=place, total=self._gaps * _PARTS, note=note)

    def _draw(self, preview: Callable[[], Any] | None, *, is_last: bool) -> None:
        now = time.monotonic()
        if preview is not None and (is_last or now - self._drawn_at >= _PREVIEW_EVERY_S):
            self._reporter.keep_picture(PREVIEW, thumbnail(preview(), _PREVIEW_SIDE))
            self._drawn_at = now


def _keep(report: FillReport, reporter: Reporter) -> Mapping[str, Any]:
    """Keep with the job what was made and is no item, and shape the whole."""
    from generation import candidate_png

    told = fill_to_json(report)
    for number, candidate in enumerate(report.candidates):
        if candidate.image is not None and candidate.item_id is None:
            name = f"candidate-{number}"
            reporter.keep_picture(name, candidate_png(candidate))  # with its marks, like all that leaves
            told["candidates"][number]["picture"] = name
    return told


def _attempted(each: Attempted) -> dict[str, Any]:
    items = [*each.report.kept, *each.report.reused] if each.report else []
    return {"name": each.gap.name, "outcome": each.outcome, "reason": each.reason, "items": items}
