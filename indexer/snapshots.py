"""Index files on disk: a cache beside the database, replaced as a whole and checked before it is trusted.

``manifest.json`` names one file per kind of embedding, with its size and SHA-256, the collection it belongs
to and the change it was made at. The manifest is replaced atomically after its files are on the disk, so a
crash leaves the old set or the new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import IndexCorrupt, StorageFailure
from .items import KINDS, Kind
from .vectors import FaissIndex
from .whole import write_whole

MANIFEST = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Indexes as they stood after a change.

    Attributes:
        change: number of that change.
        indexes: by kind of embedding.
    """

    change: int
    indexes: Mapping[Kind, FaissIndex]


def save_snapshot(folder: Path, snapshot: Snapshot, collection_id: str) -> None:
    """Write the index files and the manifest, then drop older index files.

    Raises:
        StorageFailure: the disk is full or the folder cannot be written; the old set is still whole.
    """
    try:
        files = {kind: _write(folder, kind, snapshot) for kind in KINDS}
        manifest = {
            "format": _FORMAT,
            "collection": collection_id,
            "change": snapshot.change,
            "indexes": files,
        }
        path = folder / MANIFEST
        write_whole(path, json.dumps(manifest, indent=1).encode(), beside=path.with_suffix(".tmp"))
    except OSError as error:
        for kind in KINDS:  # half a file helps nobody, least of all on a full disk
            _file(folder, kind, snapshot).unlink(missing_ok=True)
        raise StorageFailure(folder, error.strerror or str(error)) from error
    keep = {entry["file"] for entry in files.values()}
    for old in folder.glob("*.faiss"):
        if old.name not in keep:
            old.unlink(missing_ok=True)


def load_snapshot(folder: Path, collection_id: str, dim: int) -> Snapshot | None:
    """Read the index files that the manifest names; None if there are none for this collection.

    Raises:
        IndexCorrupt: the manifest or a file fails its checks.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        if (manifest["format"], manifest["collection"]) != (_FORMAT, collection_id):
            return None
        indexes = {kind: _read(folder, manifest["indexes"][kind], dim) for kind in KINDS}
        return Snapshot(change=int(manifest["change"]), indexes=indexes)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IndexCorrupt(path, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise IndexCorrupt(path, f"it is not a manifest ({error})") from error


def _file(folder: Path, kind: Kind, snapshot: Snapshot) -> Path:
    return folder / f"{kind}-{snapshot.change}.faiss"


def _write(folder: Path, kind: Kind, snapshot: Snapshot) -> dict[str, Any]:
    path = _file(folder, kind, snapshot)
    path.unlink(missing_ok=True)  # left by a run that died before its manifest
    snapshot.indexes[kind].write(path)
    data = path.read_bytes()
    return {
        "file": path.name,
        "count": len(snapshot.indexes[kind]),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _read(folder: Path, entry: Mapping[str, Any], dim: int) -> FaissIndex:
    path = folder / Path(str(entry["file"])).name  # a manifest cannot point outside its folder
    size = path.stat().st_size
    if size != entry["bytes"]:
        raise IndexCorrupt(path, f"it has {size} bytes instead of {entry['bytes']}")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise IndexCorrupt(path, "its checksum is wrong")
    index = FaissIndex.from_bytes(data, path, dim)
    if len(index) != entry["count"]:
        raise IndexCorrupt(path, f"it holds {len(index)} embeddings instead of {entry['count']}")
    return index
