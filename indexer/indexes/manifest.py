"""Index files on disk: a cache beside the database, replaced as a whole and checked before it is trusted.

``manifest.json`` names one file per kind of embedding, with its size and SHA-256, the collection it belongs
to and the change it was made at. The manifest is replaced atomically after its files are on the disk, so a
crash leaves the old set or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ..errors import IndexCorrupt, StorageFailure
from ..files.atomic_write import write_whole
from ..items import KINDS, Kind
from ..vectors import FaissIndex, IvfIndex

MANIFEST = "manifest.json"
_FORMAT = 3

Index = FaissIndex | IvfIndex
Type = Literal["exact", "ivf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """An index file as the manifest tells of it.

    Attributes:
        file: its name in the collection's folder.
        type: exact, or an inverted file (see ``IvfIndex``).
        change: what it holds is that of this change, and perhaps some of later ones.
        count: of embeddings.
        bytes: its size.
        sha256: of its bytes.
        modified: when it was last written to, in ns; until it is again, a large file is not read through.
        probes: of an inverted file, lists to look at; 0 for an exact one.
    """

    file: str
    type: Type
    change: int
    count: int
    bytes: int
    sha256: str
    modified: int
    probes: int = 0


Files = Mapping[Kind, IndexFile]
"""The file of each kind of embedding."""


def write_index(
    folder: Path, kind: Kind, change: int, write: Callable[[Path], object], *, count: int, type: Type
) -> IndexFile:
    """Write an index file; it is nothing before a manifest names it.

    Args:
        folder: of the collection.
        kind: of the embeddings.
        change: that the index stands at.
        write: writes it to a path where nothing is.
        count: of embeddings.
        type: exact, or an inverted file, whose probes are not known yet.

    Raises:
        StorageFailure: the disk is full or the folder cannot be written; nothing is left of the file.
    """
    # One that takes minutes may be built again at the same change, while the first is in use.
    unique = f"-{uuid.uuid4().hex[:8]}.ivf" if type == "ivf" else ""
    path = folder / f"{kind}-{change}{unique}.faiss"
    try:
        path.unlink(missing_ok=True)  # left by a run that died before its manifest
        write(path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        known = path.stat()
    except BaseException as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)  # half a file helps nobody, least of all on a full disk
        if isinstance(error, OSError | RuntimeError):  # FAISS raises the second
            raise StorageFailure(folder, getattr(error, "strerror", None) or str(error)) from error
        raise
    return IndexFile(
        file=path.name,
        type=type,
        change=change,
        count=count,
        bytes=known.st_size,
        sha256=digest,
        modified=known.st_mtime_ns,
    )


def write_manifest(folder: Path, files: Files, collection_id: str) -> None:
    """Name the index files that count from now on, and drop all others.

    Raises:
        StorageFailure: the disk is full or the folder cannot be written; the old set is still whole.
    """
    manifest = {
        "format": _FORMAT,
        "collection": collection_id,
        "indexes": {kind: asdict(file) for kind, file in files.items()},
    }
    path = folder / MANIFEST
    try:
        write_whole(path, json.dumps(manifest, indent=1).encode(), beside=path.with_suffix(".tmp"))
    except OSError as error:
        raise StorageFailure(folder, error.strerror or str(error)) from error
    keep = {file.file for file in files.values()}
    for old in folder.glob("*.faiss"):
        if old.name not in keep:
            with suppress(OSError):  # where open files cannot be deleted, the next time does it
                old.unlink(missing_ok=True)


def read_manifest(folder: Path, collection_id: str) -> Files | None:
    """Read which index files count; None if there are none for this collection.

    Raises:
        IndexCorrupt: the manifest fails its checks.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        if (manifest["format"], manifest["collection"]) != (_FORMAT, collection_id):
            return None
        files = {kind: IndexFile(**manifest["indexes"][kind]) for kind in KINDS}
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IndexCorrupt(path, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise IndexCorrupt(path, f"it is not a manifest ({error})") from error
    for file in files.values():
        if Path(file.file).name != file.file or not isinstance(file.change, int):
            raise IndexCorrupt(path, f"it names {file.file!r}, which is not a file of this folder")
    return files


def open_indexes(folder: Path, files: Files, dim: int, *, thorough: bool = False) -> dict[Kind, Index]:
    """Read or map the index file of each kind; see ``open_index``."""
    return {kind: open_index(folder, file, dim, thorough=thorough) for kind, file in files.items()}


def open_index(folder: Path, file: IndexFile, dim: int, *, thorough: bool = False) -> Index:
    """Read or map an index file, after it passed its checks.

    Args:
        folder: of the collection.
        file: as the manifest tells of it.
        dim: width of the embeddings.
        thorough: check the bytes of a large file even if nobody has written to it since.

    Raises:
        IndexCorrupt: the file fails its checks.
    """
    path = folder / file.file
    try:
        known = path.stat()
        if known.st_size != file.bytes:
            raise IndexCorrupt(path, f"it has {known.st_size} bytes instead of {file.bytes}")
        untouched = file.type == "ivf" and known.st_mtime_ns == file.modified and not thorough
        if not untouched:
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                    raise IndexCorrupt(path, "its checksum is wrong")
        index: Index
        if file.type == "exact":
            index = FaissIndex.from_bytes(path.read_bytes(), path, dim)
        else:
            index = IvfIndex.open(path, dim, probes=file.probes)
            if not untouched:
                with suppress(OSError):  # a copy: from now on it is known
                    os.utime(path, ns=(known.st_atime_ns, file.modified))
    except OSError as error:
        raise IndexCorrupt(path, error.strerror or str(error)) from error
    if len(index) != file.count:
        raise IndexCorrupt(path, f"it holds {len(index)} embeddings instead of {file.count}")
    return index
