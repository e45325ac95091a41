"""The map of a collection: where each item lies on a plane, with a small picture of it, kept in its folder.

It is a cache, made at a change number and replaced as a whole: whoever deletes it loses a minute. While the
collection changes it keeps its shape: new items are placed between those that they are like, until somebody
wants it made anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from indexer import KINDS, Collection, Embeddings, Ids, StorageFailure, write_whole

from ..errors import SurveyStopped
from .contact_sheets import TILES, contact_sheets, side_for
from .projection import LANDMARKS, OnStep, Points, place, project

_FILE, _FORMAT = "map.safetensors", "1"
_NOWHERE = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectionMap:
    """Where items lie.

    Attributes:
        ids: (n,) int64 ascending, all items, also those that stand apart.
        points: (n, 2) float32 between -1 and 1.
        tiles: (n,) int64, the number of each item's picture on the sheets, counted through; -1 for none.
        sheets: WebP, see ``contact_sheets``.
        side: of a picture on them, pixels.
        change: number of the change it was made at.
    """

    ids: Ids
    points: Points
    tiles: Ids
    sheets: tuple[bytes, ...]
    side: int
    change: int


def make_map(
    collection: Collection, *, landmarks: int = LANDMARKS, seed: int = 0, on_step: OnStep | None = None
) -> CollectionMap:
    """Work out the map of a collection.

    The layout is that of the items that no model made; what was generated is placed among them and does not
    move them. An item with a picture lies by it, others by their text; each kind is centred first, for all
    pictures lie apart from all texts otherwise.

    Args:
        collection: whose items.
        landmarks: see ``projection.project``.
        seed: likewise.
        on_step: hears how far it is.

    Raises:
        SurveyStopped: ``on_step`` said so.
    """
    change = collection.store.change()
    ids, rows = _vectors(collection)
    real = np.isin(ids, collection.store.real())
    points = np.zeros((len(ids), 2), np.float32)
    points[real] = project(rows[real], landmarks=landmarks, seed=seed, on_step=on_step)
    if real.any() and not real.all():
        points[~real] = place(rows[real], points[real], rows[~real])
    side = side_for(len(ids))
    sheets = tuple(contact_sheets(_thumbnails(collection, ids, on_step), side))
    tiles = np.arange(len(ids), dtype=np.int64)
    return CollectionMap(ids=ids, points=points, tiles=tiles, sheets=sheets, side=side, change=change)


def follow(collection: Collection, known: CollectionMap) -> CollectionMap:
    """Bring a map up to date without moving anything: what is gone goes, what is new finds its place."""
    if known.change == collection.store.change() or not len(known.ids):
        return known
    ids, rows = _vectors(collection)
    stays = np.isin(ids, known.ids)
    if not stays.any():
        return known
    at = np.searchsorted(known.ids, ids[stays])
    points = np.zeros((len(ids), 2), np.float32)
    points[stays] = known.points[at]
    tiles = np.full(len(ids), _NOWHERE, np.int64)
    tiles[stays] = known.tiles[at]
    if not stays.all():
        points[~stays] = place(rows[stays], points[stays], rows[~stays])
    return replace(known, ids=ids, points=points, tiles=tiles)


def keep_map(collection: Collection, made: CollectionMap) -> None:
    """Write a map into the collection's folder, in place of the one there.

    Raises:
        StorageFailure: it cannot be written; the old one stays.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {"ids": made.ids, "points": made.points, "tiles": made.tiles}
    arrays |= {f"sheet-{n}": np.frombuffer(sheet, np.uint8) for n, sheet in enumerate(made.sheets)}
    about = {"format": _FORMAT, "collection": str(collection.store.meta("id"))}
    about |= {"change": str(made.change), "side": str(made.side)}
    path = collection.folder / _FILE
    try:
        write_whole(path, save(arrays, about), beside=path.with_suffix(".tmp"))
    except OSError as error:
        raise StorageFailure(collection.folder, error.strerror or str(error)) from error


def load_map(collection: Collection) -> CollectionMap | None:
    """Read the map of a collection; None if there is none, or what is there is damaged or another's."""
    path = collection.folder / _FILE
    if not path.is_file():
        return None
    try:
        made = _read(path, str(collection.store.meta("id")))
    except (SafetensorError, OSError, KeyError, ValueError):  # a cache: it is made anew
        return None
    return made if made is not None and _is_sound(made) else None


def _read(path: Path, collection_id: str) -> CollectionMap | None:
    with safe_open(path, framework="numpy") as file:
        about = file.metadata() or {}
        if (about.get("format"), about.get("collection")) != (_FORMAT, collection_id):
            return None
        names = sorted((name for name in file.keys() if name.startswith("sheet-")), key=_number)  # noqa: SIM118
        return CollectionMap(
            ids=file.get_tensor("ids"),
            points=file.get_tensor("points"),
            tiles=file.get_tensor("tiles"),
            sheets=tuple(file.get_tensor(name).tobytes() for name in names),
            side=int(about["side"]),
            change=int(about["change"]),
        )


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _is_sound(made: CollectionMap) -> bool:
    count = len(made.ids)
    shapes = made.points.shape == (count, 2) and made.tiles.shape == (count,)
    return bool(
        shapes
        and np.isfinite(made.points).all()
        and (np.diff(made.ids) > 0).all()
        and (made.tiles < len(made.sheets) * TILES).all()
        and made.side > 0
    )


def _vectors(collection: Collection) -> tuple[Ids, Embeddings]:
    """Give one embedding of each item, that of its picture if it has one; ids ascending."""
    found: dict[str, tuple[Ids, Embeddings]] = {}
    for kind in KINDS:
        parts = [collection.store.embeddings(kind, apart=apart) for apart in (False, True)]
        some = [part for part in parts if len(part[0])]
        if some:
            rows = np.concatenate([part[1] for part in some])
            found[kind] = np.concatenate([part[0] for part in some]), rows
    if "image" in found and "text" in found:
        alone = ~np.isin(found["text"][0], found["image"][0])
        found["text"] = found["text"][0][alone], found["text"][1][alone]
    if not found:
        return np.empty(0, np.int64), np.empty((0, collection.spec.dim), np.float32)
    ids = np.concatenate([part[0] for part in found.values()])
    real = collection.store.real()
    rows = np.concatenate([_centred(part[1], np.isin(part[0], real)) for part in found.values()])
    order = np.argsort(ids)
    return ids[order], rows[order]


def _centred(rows: Embeddings, real: NDArray[np.bool_]) -> Embeddings:
    """Take away what all real ones have in common."""
    if real.sum() < 3:  # nothing would be left of them
        return rows
    moved = rows - rows[real].mean(axis=0)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    centred: Embeddings = moved / np.maximum(lengths, 1e-6)
    return centred


def _thumbnails(collection: Collection, ids: Ids, on_step: OnStep | None) -> Iterator[bytes | None]:
    for number, item_id in enumerate(ids.tolist()):
        if number % 100 == 0 and on_step is not None:
            doing = "Gathering the small pictures"
            if not on_step(doing, 0.85 + 0.15 * number / len(ids)):
                raise SurveyStopped(doing)
        yield collection.store.thumbnail(item_id)
