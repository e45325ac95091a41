"""From sources to a collection: scan, compare, read, encode, write, report.

Nothing is decided from a part that could not be listed, each batch is one transaction, and every step may be
repeated: a run that is killed anywhere and started again ends like one that was not.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

from ..collection.collection import Collection
from ..collection.generated_items import GENERATED_FOLDER, sweep_orphans
from ..encoders import Encoder, batch_size, cores
from ..errors import StorageFailure, UnreadableSource
from ..items import Failure, IndexReport
from ..sources import Candidate, Source
from .reader import Ready, read_candidate
from .writer import Intake

READERS = min(max(4, cores()), 16)
"""Threads that read and decode: decoding releases the GIL; more only wait, each with a picture."""
_AHEAD = 3  # batches that are read before they are needed
_LISTED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        done: inputs dealt with.
        total: inputs that needed reading.
        images: pictures encoded so far.
    """

    done: int
    total: int
    images: int


T = TypeVar("T")
OnProgress = Callable[[Progress], None]
Read = Callable[[Collection, Sequence[Candidate]], Iterator[list[Ready | Failure]]]
"""Reads inputs, and yields them in batches, each of which becomes one transaction."""


def index_sources(
    collection: Collection,
    encoder: Encoder,
    sources: Sequence[Source],
    *,
    prune: bool = False,
    on_progress: OnProgress | None = None,
    read: Read | None = None,
) -> IndexReport:
    """Bring a collection up to date with its sources.

    Args:
        collection: where to.
        encoder: the collection's own.
        sources: what to read; items from other roots are left alone.
        prune: also remove the items of a root that is now empty (else an empty root counts as away).
        on_progress: called after each batch.
        read: reads the inputs, and may encode them; None to read in threads of this process.

    Returns:
        The counts; every input is in exactly one of them or among the failures.

    Raises:
        CollectionBusy: another process is writing.
        EncoderMismatch: the encoder is not the collection's.
        EncoderDrift: the encoder has changed.
        StorageFailure: the disk is full; what was committed stays.
    """
    started = time.perf_counter()
    with collection.writing():
        collection.verify(encoder, kinds=())  # the canaries follow when there is something to encode
        with suppress(StorageFailure):  # what is left over does no harm
            sweep_orphans(collection, whole=False)
        scan = _Scan(collection, sources, prune=prune)
        intake = Intake(collection, encoder, gone=scan.gone)
        done = 0
        for batch in (read or _reader(encoder))(collection, scan.changed):
            intake.take(batch)
            done += len(batch)
            if on_progress:
                on_progress(Progress(done=done, total=len(scan.changed), images=intake.images))
        removed = collection.store.remove(sorted(intake.gone))
        collection.save_indexes()
        report = _report(scan, intake, removed, time.perf_counter() - started)
        collection.store.finish_run(scan.answered, asdict(report))
    return report


def _report(scan: _Scan, intake: Intake, removed: int, seconds: float) -> IndexReport:
    return IndexReport(
        added=intake.added,
        updated=intake.updated,
        moved=intake.moved,
        unchanged=scan.unchanged + intake.unchanged,
        removed=removed,
        failed=tuple(scan.failed + intake.failed),
        embedded=intake.embedded,
        seconds=round(seconds, 3),
        images_per_s=round(intake.images / seconds, 2),
        notes=tuple(scan.notes + _marked(intake.marked)),
    )


def _marked(count: int) -> list[str]:
    if count == 0:
        return []
    carry = "carries" if count == 1 else "carry"
    return [
        f"{count:,} of the pictures {carry} a mark of generated pictures; list what a model made with "
        '--where "origin=generated".'
    ]


class _Scan:
    """What the sources hold now, compared with what the store knows."""

    def __init__(self, collection: Collection, sources: Sequence[Source], *, prune: bool) -> None:
        self.changed: list[Candidate] = []
        self.failed: list[Failure] = []
        self.notes: list[str] = []
        self.answered: list[str] = []
        self.unchanged = 0
        self.gone: set[int] = set()
        self._keys: set[str] = set()
        self._listed: set[str] = set()  # roots that named at least one input
        self._store = collection.store
        self._known = self._store.fingerprints()
        self._made_here = _MadeHere(collection)
        self._answering = [source for source in sources if self._list(source)]
        self._find_gone(prune=prune)
        if self._made_here.seen:
            self.notes.append(
                f"{self._made_here.seen} files in {self._made_here.folder} were made here and are known "
                "already; they count as unchanged."
            )

    def _list(self, source: Source) -> bool:
        """List one source; say whether conclusions may be drawn from what it did not name."""
        try:
            for group in _batches(source.scan(), lambda: _LISTED):
                self._listed.add(source.root)
                candidates = [entry for entry in group if isinstance(entry, Candidate)]
                if len(candidates) < len(group):
                    failed = [entry for entry in group if isinstance(entry, Failure)]
                    self.failed += failed
                    self._keys.update(failure.path for failure in failed)  # unreadable is not gone
                self._compare(self._from_outside(candidates))
        except UnreadableSource as error:
            self.failed.append(Failure(path=error.path, reason=error.reason))
            return False
        self.answered.append(source.root)
        return True

    def _from_outside(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Leave out what was made here: it is in the collection already, and would come in once more."""
        if self._made_here.is_empty:
            return candidates
        outside = [candidate for candidate in candidates if not self._made_here.holds(candidate)]
        self.unchanged += len(candidates) - len(outside)
        return outside

    def _compare(self, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            key, _, fingerprint, _ = candidate
            if key in self._keys:  # listed by an overlapping root too
                continue
            self._keys.add(key)
            if self._known.get(key) == fingerprint:
                self.unchanged += 1
            else:
                self.changed.append(candidate)

    def _find_gone(self, *, prune: bool) -> None:
        """Find items of the answering roots that no source named; a root that went empty counts as away."""
        unnamed = self._known.keys() - self._keys
        missing: dict[str, set[int]] = {}
        for source in self._answering:
            known = self._store.find(filter(source.owns, unnamed)).values()
            missing[source.root] = {item.id for item in known if not item.made}
        for root, ids in missing.items():
            if ids and root not in self._listed and not prune:
                self.notes.append(
                    f"{root} is empty now; its {len(ids)} items are kept, for it may only be away. "
                    "To remove them, run again with --prune."
                )
            else:
                self.gone |= ids


class _MadeHere:
    """Tells the files of pictures that were made here, under whatever name a source reaches them.

    Attributes:
        folder: where they are.
        seen: how many a source has named.
    """

    def __init__(self, collection: Collection) -> None:
        self.folder = collection.folder / GENERATED_FOLDER
        self.seen = 0
        self._real = os.path.realpath(self.folder) if self.folder.is_dir() else None
        self._known: dict[str, bool] = {}  # by folder: to follow links takes a while

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever made here."""
        return self._real is None

    def holds(self, candidate: Candidate) -> bool:
        """Say whether a candidate is one of these files; count it if so."""
        if self._real is None or candidate.path is None:
            return False
        parent = os.path.dirname(candidate.path)  # noqa: PTH120 - strings all along, for speed
        if parent not in self._known:
            self._known[parent] = os.path.realpath(parent) == self._real
        self.seen += self._known[parent]
        return self._known[parent]


def _reader(encoder: Encoder) -> Read:
    """Give what reads in threads of this process, in batches as large as the encoder wants them by then."""
    size = partial(batch_size, encoder)
    return lambda collection, candidates: _batches(_read_ahead(collection, candidates, size), size)


def _read_ahead(
    collection: Collection, candidates: Sequence[Candidate], size: Callable[[], int]
) -> Iterator[Ready | Failure]:
    """Read and decode in threads, in order, a few batches ahead of the encoder."""
    one = partial(read_candidate, side=collection.picture_side, find_twin=collection.store.twin)
    pending: deque[Future[Ready | Failure]] = deque()
    stop = threading.Event()
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")
    try:
        for candidate in candidates:
            pending.append(pool.submit(one, candidate, stop=stop))
            while len(pending) >= _AHEAD * size():
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _batches(values: Iterable[T], size: Callable[[], int]) -> Iterator[list[T]]:
    rest = iter(values)
    while batch := list(islice(rest, size())):
        yield batch
