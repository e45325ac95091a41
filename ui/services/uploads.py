"""Files that somebody hands in on the page: kept in the collection's folder, to be indexed from there.

A picture comes to a folder named by its content, as the API keeps them, so the same one comes to the same
place. A table is kept beside them; its pictures must be in it or at paths of this machine.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from indexer import IMAGE_SUFFIXES, FindmakeError, StorageFailure, decode_image, write_whole

UPLOADS = "uploads"
"""Folder of what was handed in, within that of the collection; the API's, too."""

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
"""Suffixes of tables that can be handed in."""

LARGEST_PICTURE, LARGEST_TABLE = 30_000_000, 200_000_000
"""Bytes of a file."""

MOST_FILES = 500
"""At once."""

_PROBE_SIDE = 32
_LONGEST_NAME = 80


class UnusableUpload(FindmakeError):
    """A file that was handed in cannot be taken."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name} was not taken: {reason}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of files that were handed in.

    Attributes:
        roots: what is to be indexed.
        count: how many files were kept.
        refused: what was not, each with its sentence.
    """

    roots: tuple[Path, ...]
    count: int
    refused: tuple[str, ...]


def keep_uploads(folder: Path, files: list[tuple[str, bytes]], *, tables: bool) -> Taken:
    """Keep files that were handed in.

    Args:
        folder: of the collection.
        files: names and bytes.
        tables: whether tables may be handed in; they can name pictures anywhere on this machine.

    Raises:
        StorageFailure: the disk is full; what was kept before stays.
    """
    roots: dict[Path, None] = {}
    refused: list[str] = []
    for name, data in files[:MOST_FILES]:
        try:
            roots[_keep(folder.absolute() / UPLOADS, name, data, tables=tables)] = None
        except FindmakeError as error:
            if isinstance(error, StorageFailure):
                raise
            refused.append(str(error))
    if len(files) > MOST_FILES:
        refused.append(f"{len(files) - MOST_FILES:,} files were left out: {MOST_FILES} can be taken at once.")
    count = min(len(files), MOST_FILES) - len(refused) + (len(files) > MOST_FILES)
    return Taken(roots=tuple(roots), count=count, refused=tuple(refused))


def _keep(uploads: Path, name: str, data: bytes, *, tables: bool) -> Path:
    """Keep one file; give what is to be indexed for it."""
    suffix = Path(name).suffix.lower()
    largest = LARGEST_PICTURE if suffix in IMAGE_SUFFIXES else LARGEST_TABLE
    if suffix not in IMAGE_SUFFIXES and suffix not in TABLES:
        raise UnusableUpload(name, "only pictures and tables (CSV, TSV, JSON, JSONL, Parquet) are taken")
    if len(data) > largest:
        raise UnusableUpload(name, f"it has {len(data) / 1e6:,.0f} MB; {largest / 1e6:,.0f} are the most")
    if suffix in TABLES and not tables:
        raise UnusableUpload(
            name, "a table can name any file, so that only this machine itself may hand one in"
        )
    if suffix in IMAGE_SUFFIXES:
        decode_image(data, name=name, shorter_side=_PROBE_SIDE)
    target = uploads / hashlib.sha256(data).hexdigest()[:24]
    if suffix in IMAGE_SUFFIXES and target.is_dir() and any(target.glob("[!.]*")):
        return uploads  # the same picture, perhaps under another name
    file = target / f"{_stem(name)}{suffix}"
    try:
        target.mkdir(parents=True, exist_ok=True)
        write_whole(file, data, beside=file.with_name(f".{file.name}.part"))
    except OSError as error:
        raise StorageFailure(target, error.strerror or str(error)) from error
    return uploads if suffix in IMAGE_SUFFIXES else file


def _stem(name: str) -> str:
    """Make a file's name, without suffix, from whatever a browser calls it: no folders, nothing hidden."""
    plain = re.sub(r"[^\w\- ]+", " ", Path(re.split(r"[/\\]", name)[-1]).stem)
    return " ".join(plain.split()).encode()[:_LONGEST_NAME].decode(errors="ignore") or "file"
