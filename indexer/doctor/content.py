"""Checks of what is in the database: rows, embeddings, what is derived, thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UnreadableImage
from ..images.decode import THUMBNAIL_SIDE, load_image, thumbnail
from .finding import AGAIN, MEND, Finding, Patient, counted, fine, mendable, some


def check_rows(patient: Patient) -> Finding:
    """Look for rows that belong to no item: another program removed an item without them."""
    orphans = patient.inspection.orphans()
    if not orphans:
        return fine("rows", "Every embedding, thumbnail, tag and field belongs to an item.")
    told = ", ".join(f"{count:,} in {table}" for table, count in orphans.items())
    return mendable(
        patient,
        "rows",
        f"Rows that belong to no item: {told}.",
        mend=patient.inspection.drop_orphans,
        done="They were removed.",
    )


def check_embeddings(patient: Patient) -> Finding:
    """Look at each stored embedding: a broken one would make every search wrong, or fail."""
    inspection = patient.inspection
    broken = inspection.broken_embeddings(patient.collection.spec.dim)
    if not broken:
        return fine("embeddings", "Every stored embedding has its width, is finite and of length 1.")
    count = sum(map(len, broken.values()))
    ids = sorted({item_id for found in broken.values() for item_id in found})

    def mend() -> None:
        for kind, found in broken.items():
            inspection.drop_embeddings(kind, found)

    return mendable(
        patient,
        "embeddings",
        f"{counted(count, 'stored embedding is', 'stored embeddings are')} damaged, of item {some(ids)}.",
        mend=mend,
        done="They were taken out, and the next run reads the inputs again.",
        then=_then(patient, ids),
    )


def check_findable(patient: Patient) -> Finding:
    """Look for items without any embedding, which no search by meaning finds."""
    lost = patient.inspection.without_embedding()
    if not lost:
        return fine("items", f"All {patient.collection.store.count():,} items can be found by their meaning.")
    return mendable(
        patient,
        "items",
        f"{counted(len(lost), 'item has', 'items have')} no embedding; no search finds them: {some(lost)}.",
        mend=lambda: patient.inspection.read_again(lost),
        done="The next run reads them again.",
        then=_then(patient, lost),
    )


def _then(patient: Patient, ids: Sequence[int]) -> str:
    """Tell how items come by their embeddings; no source names those that were made here."""
    known = patient.collection.store.known(ids)
    made = [item_id for item_id in ids if item_id in known and known[item_id].made]
    return f"{AGAIN}. Made here, make again with findmake regenerate: {some(made)}" if made else AGAIN


def check_changes(patient: Patient) -> Finding:
    """Look whether the counter of changes is behind: indexes would take old embeddings for new ones."""
    highest = patient.inspection.late_changes()
    if not highest:
        return fine("changes", "The counter of changes is not behind the embeddings.")
    return mendable(
        patient,
        "changes",
        "The counter of changes is behind the embeddings, so that an index may miss some.",
        mend=lambda: patient.inspection.count_on_from(highest + 1),
        done="It was set.",
    )


def check_derived(patient: Patient) -> Finding:
    """Look whether filters and full-text search see all items."""
    inspection = patient.inspection
    missing, whole = inspection.underived(), inspection.words_are_whole()
    if whole and not missing:
        return fine("filters and words", "Filters and full-text search see every item.")

    def mend() -> None:
        if not whole:
            inspection.rebuild_words()
        inspection.derive_again(missing)

    told = f"disagree with {counted(len(missing), 'item')}" if missing else "are damaged"
    return mendable(
        patient,
        "filters and words",
        f"What filters and full-text search look at {told}.",
        mend=mend,
        done="It was made anew from the items.",
    )


def check_thumbnails(patient: Patient) -> Finding:
    """Look for pictures without a usable thumbnail; make them from the files that are there."""
    lacking = patient.inspection.without_thumbnail()
    if not lacking:
        return fine("thumbnails", "Every picture has its thumbnail.")
    sentence = f"{counted(len(lacking), 'picture has', 'pictures have')} no whole thumbnail: {some(lacking)}."
    if not patient.repair:
        return Finding(check="thumbnails", state="trouble", sentence=sentence, remedy=MEND, repairable=True)
    made = _thumbnails(patient, lacking)
    patient.inspection.keep_thumbnails(made)
    left = [item_id for item_id in lacking if item_id not in made]
    if not left:
        done = f"{sentence} They were made anew."
        return Finding(check="thumbnails", state="repaired", sentence=done, repairable=True)
    patient.inspection.read_again(left)
    return Finding(
        check="thumbnails",
        state="trouble",
        sentence=f"{sentence} Of item {some(left)} the file cannot be read now.",
        remedy=f"Bring the files back. {AGAIN}",
    )


def _thumbnails(patient: Patient, ids: list[int]) -> dict[int, bytes]:
    """Make thumbnails from the originals, as far as these can be read."""
    made = {}
    for item in patient.collection.store.items(ids):
        try:
            if item.path:
                picture = load_image(Path(item.path), shorter_side=THUMBNAIL_SIDE).image
                made[item.id] = thumbnail(picture, THUMBNAIL_SIDE)
        except UnreadableImage:
            continue
    return made
