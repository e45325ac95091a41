"""Pictures that were made here: kept apart, promoted into the catalogue, or discarded.

A picture's file is written before its row, and removed after it. So a crash leaves at most a file that no
item names, which ``sweep_orphans`` takes away, and never an item without its file.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..errors import DimensionMismatch, FindmakeError, ItemNotFound, NotGenerated, StorageFailure
from ..files.atomic_write import write_whole
from ..images.decode import THUMBNAIL_SIDE, decode_image, thumbnail
from ..items import Attribute, Embeddings, Generated, Item
from ..storage.drafts import Draft
from .collection import Collection

GENERATED_FOLDER = "generated"
"""Folder of the pictures that were made here, within that of the collection."""

_OURS = re.compile(r"(?:[a-z0-9]+-)*[0-9a-f]{16}\.png(?:\.tmp)?")
_LONGEST_SLUG = 40
_LONGEST_TITLE = 200


def add_generated(
    collection: Collection,
    png: bytes,
    *,
    embedding: Embeddings,
    provenance: Generated,
    title: str = "",
    attributes: Mapping[str, Attribute] | None = None,
) -> Item:
    """Keep a picture that was made, apart from the catalogue: all of it or nothing.

    Args:
        collection: where to.
        png: the file, marked already; it is kept byte for byte.
        embedding: (dim,) float32 of length 1, of the picture, by the collection's encoder.
        provenance: how it was made.
        title: what to show; by default the query that it was made for, else the prompt.
        attributes: whatever else is to be known of it.

    Returns:
        The new item.

    Raises:
        CollectionBusy: another process is writing.
        StorageFailure: the disk is full or read-only; nothing was kept.
        UnreadableImage: the bytes are no picture.
        DimensionMismatch: the embedding has another width than the collection's.
        ValueError: the embedding is not of length 1.
    """
    _check(embedding, collection.spec.dim)
    title = (title or provenance.for_query or provenance.prompt).strip()[:_LONGEST_TITLE]
    name = f"{_slug(title)}{uuid.uuid4().hex[:16]}.png"
    picture = decode_image(png, name=name, shorter_side=collection.picture_side)
    draft = Draft(
        id=None,
        key=f"{GENERATED_FOLDER}:{name}",  # no source has such keys
        path=f"{GENERATED_FOLDER}/{name}",  # within the collection, so that it can move as a whole
        fingerprint="",
        title=title,
        text="",
        width=picture.width,
        height=picture.height,
        attributes=attributes or {},
        image_sha256=hashlib.sha256(png).hexdigest(),
        text_sha256=None,
        provenance=provenance,
        embeddings={"image": embedding},
        thumbnail=thumbnail(picture.image, THUMBNAIL_SIDE),
    )
    return collection.item(_keep(collection, name, png, draft))


def _check(embedding: Embeddings, dim: int) -> None:
    if embedding.shape != (dim,):
        raise DimensionMismatch(dim, embedding.shape[-1] if embedding.ndim else 0)
    if not np.isclose(np.linalg.norm(embedding), 1, atol=2e-3):
        raise ValueError("an embedding must be finite and of length 1")


def _keep(collection: Collection, name: str, png: bytes, draft: Draft) -> int:
    """Write the file, then the row; if that fails, the file goes again."""
    with collection.writing():
        file = _write(collection.folder, name, png)
        try:
            [item_id] = collection.store.write([draft])
        except FindmakeError:  # not Ctrl-C: that may come after the row was written
            file.unlink(missing_ok=True)
            raise
        return item_id


def promote(collection: Collection, ids: Sequence[int]) -> int:
    """Put pictures that were made here into the catalogue; all of them or none.

    From then on they are found like any other item, but still never count as an answer to a query.

    Args:
        collection: where they are.
        ids: of pictures that were made here; one that was promoted before stays as it is.

    Returns:
        How many stood apart before.

    Raises:
        ItemNotFound: there is no such item.
        NotGenerated: an item was imported.
        CollectionBusy: another process is writing.
        StorageFailure: the database cannot be written.
    """
    with collection.writing():
        _made_here(collection, ids, "promote")
        return collection.store.promote(list(dict.fromkeys(ids)))


def discard(collection: Collection, ids: Sequence[int]) -> int:
    """Remove pictures that were made here, with their files; all of them or none. Promoted ones go too.

    Args:
        collection: where they are.
        ids: of pictures that were made here.

    Returns:
        How many there were.

    Raises:
        ItemNotFound: there is no such item.
        NotGenerated: an item was imported.
        CollectionBusy: another process is writing.
        StorageFailure: the database cannot be written.
    """
    with collection.writing():
        items = _made_here(collection, ids, "discard")
        removed = collection.store.remove([item.id for item in items])
        for item in items:
            if item.path is not None and Path(item.path).parent == _folder(collection):
                with suppress(OSError):  # a file that nobody names does no harm, and is swept later
                    Path(item.path).unlink()
        return removed


def sweep_orphans(collection: Collection, *, whole: bool = True) -> int:
    """Remove files that a crash has left among the pictures made here; return how many.

    Only files that are called as ``add_generated`` calls them are touched.

    Args:
        collection: where they are.
        whole: also whole pictures that no item names. They may be worth something: an older copy of the
            database that was put back does not know them either. Half ones are not.

    Raises:
        CollectionBusy: another process is writing.
        StorageFailure: the folder cannot be read, or a file cannot be removed.
    """
    folder = _folder(collection)
    with collection.writing():
        try:
            if not folder.is_dir():
                return 0
            there = [file for file in sorted(folder.iterdir()) if _OURS.fullmatch(file.name)]
            there = [file for file in there if whole or file.suffix == ".tmp"]
            known = collection.store.find(f"{GENERATED_FOLDER}:{file.name}" for file in there)
            orphans = [file for file in there if f"{GENERATED_FOLDER}:{file.name}" not in known]
            for file in orphans:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailure(collection.folder, error.strerror or str(error)) from error
    return len(orphans)


def _made_here(collection: Collection, ids: Sequence[int], action: str) -> list[Item]:
    """Fetch items, each once; if one is not there or was not made here, nothing is done to any."""
    items = {item.id: item for item in collection.store.items(list(dict.fromkeys(ids)))}
    for item_id in ids:
        if item_id not in items:
            raise ItemNotFound(str(item_id))
        if not isinstance(items[item_id].provenance, Generated):
            raise NotGenerated(item_id, action)
    return list(items.values())


def _folder(collection: Collection) -> Path:
    return collection.folder.absolute() / GENERATED_FOLDER


def _write(collection_folder: Path, name: str, png: bytes) -> Path:
    """Write a picture's file as a whole, and force it to the disk."""
    folder = collection_folder / GENERATED_FOLDER
    file = folder / name
    try:
        folder.mkdir(exist_ok=True)
        write_whole(file, png, beside=folder / f"{name}.tmp")
    except OSError as error:
        raise StorageFailure(collection_folder, error.strerror or str(error)) from error
    return file


def _slug(title: str) -> str:
    """Write the beginning of a title so that it can be part of any file's name."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-")
    return f"{words}-" if words else ""
