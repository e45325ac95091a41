"""Making and filling a collection, as jobs: live progress, cancelled cleanly, never twice at once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from generation import patiently
from indexer import (
    Collection,
    Encoder,
    EncoderSpec,
    Failure,
    FindmakeError,
    Job,
    Progress,
    Source,
    index_sources,
)

from ..formats.answers import report_to_json
from ..services import operations
from ..services.index import open_sources
from ..services.large_index import keep_quick
from ..services.reembed import up_to_date
from ..settings import Settings
from .runner import Jobs, Reporter

INDEX, CREATE = "index", "create"
"""Kinds of jobs."""

_MOST_FAILURES = 5_000  # that a job keeps; the collection keeps all of them
_EVERY = 200  # entries between two looks whether to go on
_SETTLED_S = 3.0  # before a rate means anything

OpenEncoder = Callable[[Collection, Settings], Encoder]


class Stopped(FindmakeError):
    """Somebody wanted an indexing run to stop."""

    def __init__(self) -> None:
        super().__init__("Indexing was stopped. What was finished is kept; the next run goes on from there.")


class Filler:
    """Starts what makes and fills a collection; the model that was used last stays loaded.

    Args:
        jobs: of the collection.
        settings: name the collection and the device.
        open_encoder: gives a collection's encoder; None for the real one.
    """

    def __init__(self, jobs: Jobs, settings: Settings, *, open_encoder: OpenEncoder | None = None) -> None:
        self.jobs = jobs
        self._settings = settings
        self._open = open_encoder
        self._loaded: tuple[EncoderSpec, Encoder] | None = None  # only the thread of the jobs looks at it

    def create(self, model: str) -> Job:
        """Start to make the collection, empty, for a model.

        Args:
            model: its name, or ``auto``.

        Raises:
            StorageFailure: the disk is full; nothing was started.
        """

        def work(reporter: Reporter) -> Mapping[str, Any]:
            said: list[str] = []
            reporter.tell(note="Loading the model, and fetching it first if it is not here")
            encoder = operations.new_encoder(replace(self._settings, model=model), said.append)
            if not reporter.goes_on:
                raise Stopped
            collection = Collection.create(self._settings.collection, encoder)
            self._loaded = collection.spec, encoder
            collection.close()
            return {"model": encoder.spec.name, "why": " ".join(said)}

        return self.jobs.start(work, kind=CREATE, title=self._settings.collection.name, key=CREATE)

    def index(self, paths: Sequence[Path] = (), *, prune: bool = False) -> Job:
        """Start to index, unless the very same is being done.

        The job's result is that of ``findmake index --json``, and ``paths``, from the beginning.

        Args:
            paths: what to read; none for what was indexed before.
            prune: also remove the items of a root that is now empty.

        Raises:
            StorageFailure: the disk is full; nothing was started.
        """
        named = [str(path) for path in paths]

        def work(reporter: Reporter) -> Mapping[str, Any]:
            reporter.keep_result({"paths": named})
            return self._run(paths, reporter, prune=prune) | {"paths": named}

        title = ", ".join(Path(name).name or name for name in named[:3])
        title = f"{title} and {len(named) - 3:,} more" if len(named) > 3 else title
        return self.jobs.start(work, kind=INDEX, title=title, key=_key(named, prune=prune))

    def _run(self, paths: Sequence[Path], reporter: Reporter, *, prune: bool) -> dict[str, Any]:
        collection = operations.open_collection(self._settings)
        try:
            roots = list(paths) or [Path(root) for root in collection.store.roots()]
            sources, away = open_sources(roots)
            said: list[str] = []
            collection = self._up_to_date(collection, reporter, said.append)
            encoder = self.encoder(collection)
            watch = _Watch(reporter)
            watched = [_Watched(source, watch) for source in sources]
            report = patiently(
                lambda: index_sources(collection, encoder, watched, prune=prune, on_progress=watch.counted)
            )
            report = replace(report, failed=(*report.failed, *away), notes=(*said, *report.notes))
            patiently(lambda: keep_quick(collection, encoder))
        finally:
            collection.close()
        told = report_to_json(report)
        return told | {"failed": told["failed"][:_MOST_FAILURES], "failures": len(report.failed)}

    def _up_to_date(
        self, collection: Collection, reporter: Reporter, say: Callable[[str], None]
    ) -> Collection:
        """Embed the collection again first if its model has other weights now; see ``up_to_date``."""

        def tell(line: str) -> None:
            say(line)
            reporter.tell(note=line)

        settings, watch = self._settings, _Watch(reporter)
        opened, encoder = patiently(
            lambda: up_to_date(collection, settings, say=tell, on_progress=watch.counted)
        )
        if encoder is not None:
            self._loaded = opened.spec, encoder
        return opened

    def encoder(self, collection: Collection) -> Encoder:
        """Give the collection's encoder; it is loaded when it is first used, and once.

        Raises:
            EncoderMismatch: the settings name another model.
        """
        if self._open is not None:
            return self._open(collection, self._settings)
        if self._loaded is None or self._loaded[0] != collection.spec:
            self._loaded = collection.spec, operations.open_encoder(collection, self._settings)
        return self._loaded[1]


def latest(jobs: Jobs, *kinds: str) -> Job | None:
    """Look up the job of some kinds that runs, else the one that waits longest, else the newest."""
    found = [job for job in jobs.newest(200) if job.kind in kinds]
    running = [job for job in found if job.state == "running"]
    waiting = [job for job in found if job.is_active]
    return next(iter(running or waiting[-1:] or found), None)


def is_cut_short(job: Job) -> bool:
    """Say whether a run ended before it was through, so that it may go on."""
    return job.state in ("cancelled", "interrupted", "failed")


def _key(paths: Sequence[str], *, prune: bool) -> str:
    named = "\0".join([str(prune), *sorted(paths)])
    return f"{INDEX} {hashlib.sha256(named.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"


class _Watch:
    """Tells a job how far a run is, and stops the run when nobody wants it any more.

    Args:
        reporter: of the job.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._listed = 0
        self._began: float | None = None
        self._first = 0

    def listed(self) -> None:
        """Count one entry of a source."""
        self._listed += 1
        if self._listed % _EVERY == 1 and not self._reporter.tell(note=f"Looking: {self._listed:,} files"):
            raise Stopped

    def counted(self, progress: Progress) -> None:
        """Take note of a batch."""
        now = time.monotonic()
        if self._began is None:
            self._began = now  # the first batch has waited for the model
            self._first = progress.done
        note = f"{progress.done:,} of {progress.total:,}"
        seconds = now - self._began
        if seconds >= _SETTLED_S:
            rate = (progress.done - self._first) / seconds
            note += (
                f", {rate:,.1f} a second, {_clock((progress.total - progress.done) / max(rate, 1e-6))} left"
            )
        if not self._reporter.tell(done=progress.done, total=progress.total, note=note):
            raise Stopped


class _Watched:
    """A source that can be stopped while it lists what is there; see Source."""

    def __init__(self, source: Source, watch: _Watch) -> None:
        self._source = source
        self._watch = watch

    @property
    def root(self) -> str:
        """Absolute path as given."""
        return self._source.root

    def scan(self) -> Iterator[Any]:
        """List the candidates.

        Raises:
            Stopped: somebody wanted that.
        """
        for entry in self._source.scan():
            self._watch.listed()
            yield entry

    def owns(self, key: str) -> bool:
        """Say whether an item with this key would be listed."""
        return self._source.owns(key)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def roots_of(failures: Sequence[Failure], roots: Sequence[str]) -> list[Path]:
    """Tell which roots must be indexed again to read what failed; what was read stays as it is."""
    found = {root for failure in failures for root in roots if _is_of(failure.path, root)}
    return [Path(root) for root in sorted(found)]


def _is_of(path: str, root: str) -> bool:
    return path == root or path.startswith((root.rstrip("/\\") + "/", f"{root}#"))
