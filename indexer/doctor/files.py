"""Checks of the files of a collection: index files, pictures made here, originals, what a crash left."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..collection.generated_items import GENERATED_FOLDER
from ..errors import IndexCorrupt, StorageFailure
from ..indexes.files import FileIndexes
from ..indexes.manifest import MANIFEST, open_indexes, read_manifest
from ..items import KINDS
from .finding import Finding, Patient, counted, fine, mendable, some

LOST = "lost"
"""Folder within the collection for files that no item names; nothing of it is ever deleted."""

_OLD_S = 3_600.0  # seconds after which nobody is writing a file any more
_HALF = re.compile(r".*\.tmp|.*\.new|\..*\.part")
_MADE_HERE = re.compile(r"(?:[a-z0-9]+-)*[0-9a-f]{16}\.png")


# -- the index ------------------------------------------------------------------------------------------


def check_index(patient: Patient) -> Finding:
    """Compare the indexes, as the files give them, with the embeddings in the database."""
    if not patient.collection.keeps_files:
        return fine("index", "A server keeps the indexes.")
    wrong = _wrong_index(patient)
    if not wrong:
        return fine("index", "The indexes hold what the database holds, number by number.")

    def mend() -> None:
        for file in (patient.folder / MANIFEST, *patient.folder.glob("*.faiss")):
            file.unlink(missing_ok=True)
        _indexes(patient).save()

    return mendable(patient, "index", wrong, mend=mend, done="It was made anew from the database.")


def _indexes(patient: Patient) -> FileIndexes:
    collection = patient.collection
    return FileIndexes(patient.folder, collection.store, collection.spec.dim)


def _wrong_index(patient: Patient) -> str:
    """Say in a sentence what is wrong with the index files; empty if nothing is."""
    collection = patient.collection
    try:
        files = read_manifest(patient.folder, str(collection.store.meta("id"))) or {}
        open_indexes(patient.folder, files, collection.spec.dim, thorough=True)
    except IndexCorrupt as error:
        return f"The index file {error.path.name} is not usable: {error.reason}."
    indexes = _indexes(patient)
    for kind in KINDS:
        ids, rows = collection.store.embeddings(kind)
        there, found = indexes.present(kind, ids)
        extra = indexes.count(kind) - len(there)
        missing = len(ids) - len(there)
        if missing or extra:
            return f"The {kind} index lacks {missing:,} of {len(ids):,} embeddings and has {extra:,} others."
        differing = int((rows != found).any(axis=1).sum()) if len(ids) else 0
        if differing:
            told = f"{counted(differing, 'embedding')} of {len(ids):,}"
            return f"Of the {kind} index, {told} differ from the database."
    return ""


# -- originals ------------------------------------------------------------------------------------------


def check_originals(patient: Patient) -> list[Finding]:
    """Look whether the files that items were made from are still there."""
    away = [root for root in patient.collection.store.roots() if not Path(root).exists()]
    gone: list[str] = []
    looked_at = 0
    for named in patient.inspection.files():
        if not named.made:
            looked_at += 1
            if not Path(named.path).is_file() and not any(_is_below(named.path, root) for root in away):
                gone.append(named.path)
    found = [_away(root) for root in away]
    if gone:
        found.append(
            Finding(
                check="originals",
                state="note",
                sentence=f"{counted(len(gone), 'original is', 'originals are')} gone: {some(gone)}. "
                "Search goes on without them; only the small copies can be shown.",
                remedy="Bring the files back; or let findmake index remove items whose files are gone.",
            )
        )
    return found or [fine("originals", f"All {looked_at:,} originals are there.")]


def _away(root: str) -> Finding:
    return Finding(
        check="originals",
        state="note",
        sentence=f"{root} is not there now. Its items are kept.",
        remedy="Plug in its drive, or bring the folder back.",
    )


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/\\") + "/")


# -- what was made here ---------------------------------------------------------------------------------


def check_made(patient: Patient) -> list[Finding]:
    """Look whether pictures that were made here have their files, and whether files have their items."""
    folder = patient.folder.absolute() / GENERATED_FOLDER
    named = {each.path: each.id for each in patient.inspection.files() if each.made}
    lost = [item_id for path, item_id in named.items() if not (patient.folder / path).is_file()]
    known = {Path(path).name for path in named}
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    strays = [file for file in there if _MADE_HERE.fullmatch(file.name) and file.name not in known]
    found = []
    if lost:
        sentence = f"{counted(len(lost), 'picture')} made here lost their files: item {some(lost)}."
        remedy = "Restore them from a backup, or make them again with: findmake regenerate ITEM"
        found.append(Finding(check="made here", state="trouble", sentence=sentence, remedy=remedy))
    if strays:
        found.append(_strays(patient, strays))
    return found or [fine("made here", f"All {counted(len(named), 'picture')} made here have their files.")]


def _strays(patient: Patient, strays: list[Path]) -> Finding:
    """Move pictures that no item names out of the way: they may be worth something."""

    def mend() -> None:
        target = patient.folder / LOST
        try:
            target.mkdir(exist_ok=True)
            for file in strays:
                file.rename(_free(target / file.name))
        except OSError as error:
            raise StorageFailure(patient.folder, error.strerror or str(error)) from error

    return mendable(
        patient,
        "made here",
        f"{counted(len(strays), 'picture file is', 'picture files are')} of no item: "
        f"{some([file.name for file in strays])}.",
        mend=mend,
        done=f"They were moved to {patient.folder / LOST}.",
    )


def _free(path: Path) -> Path:
    """Find a name that is not taken: what lies there already is not overwritten."""
    number, free = 1, path
    while free.exists():
        free = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return free


# -- leftovers ------------------------------------------------------------------------------------------


def check_leftovers(patient: Patient) -> Finding:
    """Look for half files that a crash left, and index files that nothing names any more."""
    left = sorted(_leftovers(patient.folder))
    if not left:
        return fine("leftovers", "No half files are left by a crash.")

    def mend() -> None:
        for file in left:
            with suppress(OSError):  # they do no harm
                file.unlink(missing_ok=True)

    names = [file.name for file in left]
    size = sum(file.stat().st_size for file in left if file.exists())
    told = mendable(
        patient,
        "leftovers",
        f"{counted(len(left), 'file')} ({size / 1e6:,.1f} MB) left by a crash: {some(names)}.",
        mend=mend,
        done="They were removed.",
    )
    return told if patient.repair else replace(told, state="note")


def _leftovers(folder: Path) -> Iterator[Path]:
    used = _named_by_manifest(folder)
    uploads = folder / "uploads"
    places = [folder, folder / GENERATED_FOLDER, *(uploads.iterdir() if uploads.is_dir() else ())]
    for place in places:
        for file in place.iterdir() if place.is_dir() else ():
            old_index = file.suffix == ".faiss" and used is not None and file.name not in used
            if (_HALF.fullmatch(file.name) or old_index) and _is_old(file):
                yield file


def _named_by_manifest(folder: Path) -> frozenset[str] | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        entries = json.loads((folder / MANIFEST).read_bytes())["indexes"].values()
        return frozenset(str(entry["file"]) for entry in entries)
    return None


def _is_old(file: Path) -> bool:
    try:
        return file.is_file() and time.time() - file.stat().st_mtime > _OLD_S
    except OSError:
        return False
