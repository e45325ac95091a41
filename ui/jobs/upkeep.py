"""Looking after a collection, as jobs: calibrating it, measuring how good it is, examining it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from indexer import CHECKS, Collection, Finding, FindmakeError, Job
from search import (
    SearchError,
    calibrate_collection,
    evaluate_collection,
    keep_calibration,
    recall_curves,
    verdict_curves,
)

from ..formats.reports import evaluation_to_json
from ..services import doctor, operations
from ..settings import Settings
from .index import Filler
from .runner import Reporter

CALIBRATE, MEASURE, EXAMINE = "calibrate", "measure", "examine"
"""Kinds of jobs, and their keys: of each, one at a time is enough."""

_PARTS = 3  # of a measurement


class NotWanted(FindmakeError):
    """Somebody wanted the work to stop."""

    def __init__(self) -> None:
        super().__init__("The work was stopped; nothing has changed.")


class Keeper:
    """Starts what looks after a collection.

    Args:
        filler: of the collection; the model is shared with it.
        settings: name the collection and the device.
    """

    def __init__(self, filler: Filler, settings: Settings) -> None:
        self.calibrated: list[Callable[[], None]] = []  # called after the collection was calibrated
        self._filler = filler
        self._settings = settings

    def calibrate(self) -> Job:
        """Start to fit match and no match to the collection's own texts, and keep that.

        Raises:
            StorageFailure: the disk is full; nothing was started.
        """

        def calibrate(collection: Collection, reporter: Reporter) -> Mapping[str, Any]:
            encoder = self._filler.encoder(collection)
            _note(reporter, "Asking for what is here, and for what was taken out")
            made = calibrate_collection(collection, encoder)
            if not reporter.goes_on:
                raise NotWanted
            keep_calibration(collection, made)
            for tell in self.calibrated:
                tell()
            bars = {"match": made.bars.match, "weak": made.bars.weak}
            return {"source": made.source, "approximate": made.approximate} | bars

        return self._start(calibrate, CALIBRATE)

    def measure(self) -> Job:
        """Start to measure how good search and verdicts are on what the collection holds.

        The job's result has ``figures`` as ``findmake evaluate --json``, ``recall`` and ``verdicts``: curves,
        or the sentence that says why there are none.

        Raises:
            StorageFailure: the disk is full; nothing was started.
        """

        def measure(collection: Collection, reporter: Reporter) -> Mapping[str, Any]:
            encoder = self._filler.encoder(collection)
            result: dict[str, Any] = {"at_change": collection.store.change()}
            steps: tuple[tuple[str, str, Callable[[], Any]], ...] = (
                ("figures", "Figures", lambda: evaluation_to_json(evaluate_collection(collection, encoder))),
                ("recall", "Recall", lambda: [asdict(curve) for curve in recall_curves(collection, encoder)]),
                ("verdicts", "Verdicts", lambda: asdict(verdict_curves(collection, encoder))),
            )
            for number, (name, note, step) in enumerate(steps):
                _note(reporter, note, done=number)
                try:
                    result[name] = step()
                except SearchError as error:  # too little of one kind leaves the others
                    result[name] = {"why not": str(error)}
                reporter.keep_result(result)
            return result

        return self._start(measure, MEASURE)

    def examine(self, *, repair: bool) -> Job:
        """Start to examine the collection.

        The job's result is that of ``findmake doctor --json``; ``findings`` grows meanwhile.

        Args:
            repair: mend what can be mended.

        Raises:
            StorageFailure: the disk is full; nothing was started.
        """

        def work(reporter: Reporter) -> Mapping[str, Any]:
            findings: list[dict[str, Any]] = []

            def found(finding: Finding) -> None:
                findings.append(doctor.finding_to_json(finding))
                reporter.keep_result({"findings": findings})
                reporter.tell(done=min(len(findings), CHECKS), total=CHECKS, note=finding.check)
                if not reporter.goes_on and not repair:  # a repair is not left half done
                    raise NotWanted

            examination = doctor.check_up(self._settings, repair=repair, on_finding=found)
            return doctor.examination_to_json(examination)

        title = "repair" if repair else "examination"
        return self._filler.jobs.start(work, kind=EXAMINE, title=title, key=EXAMINE)

    def _start(self, do: Callable[[Collection, Reporter], Mapping[str, Any]], kind: str) -> Job:
        def work(reporter: Reporter) -> Mapping[str, Any]:
            reporter.tell(note="Loading the model")
            collection = operations.open_collection(self._settings)
            try:
                return do(collection, reporter)
            finally:
                collection.close()

        return self._filler.jobs.start(work, kind=kind, title=kind, key=kind)


def _note(reporter: Reporter, note: str, *, done: int = 0) -> None:
    if not reporter.tell(done=done, total=_PARTS, note=note):
        raise NotWanted
