"""The doctor: examines a collection, and mends what can be mended without losing anything.

    examination = examine(Path("~/shop"), repair=True)
    examination.is_healthy, [finding.sentence for finding in examination.findings]

Checks go from the outside in; what rests on something broken is not looked at. Nothing that a person made or
brought in is ever deleted: rows that belong to nothing, caches and half files are, damaged databases are set
aside, and pictures of no item are moved to a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from ..collection.backends import is_collection, open_database
from ..collection.collection import Collection
from ..collection.server_address import address_of
from ..encoders import Encoder
from ..errors import CollectionBusy, CollectionNotFound, StorageFailure
from ..storage.inspection import Inspection
from ..storage.migrations import SCHEMA_VERSION
from . import content, files, surroundings
from .finding import MEND, Finding, Patient, State, fine

__all__ = ["CHECKS", "Examination", "Finding", "State", "examine"]

CHECKS = 16
"""How many findings there are at least in a whole examination, for progress."""

OpenEncoder = Callable[[Collection], Encoder | None]
_INSIDE: tuple[Callable[[Patient], Finding | list[Finding]], ...] = (
    content.check_rows,
    content.check_embeddings,
    content.check_findable,
    content.check_changes,
    content.check_derived,
    content.check_thumbnails,
    files.check_index,
    files.check_made,
    files.check_originals,
    files.check_leftovers,
    surroundings.check_model,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What the doctor found.

    Attributes:
        folder: of the collection.
        findings: in the order of the checks.
    """

    folder: Path
    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return not any(finding.state == "trouble" for finding in self.findings)

    @property
    def is_repairable(self) -> bool:
        """Whether something is wrong that the doctor can mend."""
        return any(finding.state == "trouble" and finding.repairable for finding in self.findings)


def examine(
    folder: Path,
    *,
    repair: bool = False,
    open_encoder: OpenEncoder = lambda collection: None,
    on_finding: Callable[[Finding], None] = lambda finding: None,
) -> Examination:
    """Examine a collection.

    Args:
        folder: of the collection.
        repair: mend what can be mended.
        open_encoder: gives the collection's encoder, whose canaries are compared; None to leave that out.
        on_finding: called with each finding, as soon as there is one.

    Raises:
        CollectionNotFound: there is no database in the folder.
        CollectionBusy: another process is writing, so that nothing can be mended.
        StorageFailure: the disk is full, or the folder cannot be written, while something was mended.
    """
    if not is_collection(folder):
        raise CollectionNotFound(folder)
    findings = []
    for finding in _findings(folder, repair=repair, open_encoder=open_encoder):
        findings.append(finding)
        on_finding(finding)
    return Examination(folder=folder, findings=tuple(findings))


def _findings(folder: Path, *, repair: bool, open_encoder: OpenEncoder) -> Iterator[Finding]:
    lock = surroundings.check_lock(folder)
    if repair and lock.state == "note":
        raise CollectionBusy(folder)
    yield lock
    yield surroundings.check_space(folder)
    yield surroundings.check_jobs(folder, repair=repair)
    whole = _check_database(folder, repair=repair)
    yield whole
    if whole.state == "trouble":
        return
    schema = _check_schema(folder, repair=repair)
    yield schema
    if schema.state in ("trouble", "note"):
        return
    collection = Collection.open(folder)
    database = open_database(folder)
    try:
        with collection.writing(alone=True) if repair else nullcontext():
            patient = Patient(
                collection=collection,
                inspection=Inspection(database),
                encoder=open_encoder(collection),
                repair=repair,
            )
            yield from _inside(patient)
    finally:
        database.close()
        collection.close()


def _inside(patient: Patient) -> Iterator[Finding]:
    troubled = set()
    for check in _INSIDE:
        if check is files.check_index and "embeddings" in troubled:
            continue  # there is nothing sound to compare with
        found = check(patient)
        for finding in found if isinstance(found, list) else [found]:
            if finding.state == "trouble":
                troubled.add(finding.check)
            yield finding


def _check_database(folder: Path, *, repair: bool) -> Finding:
    """Let SQLite check its file; its own indexes can be made anew. A server looks after itself."""
    problem = surroundings.database_problem(open_database(folder))
    if not problem and address_of(folder) is not None:
        return fine("database", "The server that holds the collection answers.")
    if not problem:
        return fine("database", "SQLite finds its file whole.")
    sentence = f"The database is damaged: {problem}."
    remedy = (
        "Put a backup of findmake.sqlite in its place, or index your folders into a new collection. Keep the "
        "damaged file until then."
    )
    if not repair:
        remedy = f"{MEND}. If that does not help: {remedy[0].lower()}{remedy[1:]}"
        return Finding(check="database", state="trouble", sentence=sentence, remedy=remedy, repairable=True)
    database = open_database(folder)
    try:
        Inspection(database).rebuild_keys()
    except StorageFailure:
        pass
    finally:
        database.close()
    if surroundings.database_problem(open_database(folder)):
        return Finding(check="database", state="trouble", sentence=sentence, remedy=remedy)
    done = f"{sentence} Its keys were made anew from its tables; no row was lost."
    return Finding(check="database", state="repaired", sentence=done, repairable=True)


def _check_schema(folder: Path, *, repair: bool) -> Finding:
    """See whether the database is of this program's schema."""
    database = open_database(folder)
    try:
        version = Inspection(database).schema_version()
        if version == SCHEMA_VERSION:
            return fine("schema", f"The database has the schema of this findmake, version {version}.")
        if version > SCHEMA_VERSION:
            sentence = f"A newer findmake wrote it: schema {version}; this one reads {SCHEMA_VERSION}."
            return Finding(check="schema", state="trouble", sentence=sentence, remedy="Update findmake.")
        sentence = f"The database has schema {version} of an older findmake; this one has {SCHEMA_VERSION}."
        if not repair:
            remedy = f"It is brought up to date when it is next opened. {MEND}"
            return Finding(check="schema", state="note", sentence=sentence, remedy=remedy, repairable=True)
        database.migrate()
        done = f"{sentence} It was brought up to date."
        return Finding(check="schema", state="repaired", sentence=done, repairable=True)
    finally:
        database.close()
