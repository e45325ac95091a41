"""Sources: where items come from. Folders, tables, archives and single files."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UnreadableSource
from .base import Candidate, Content, Source
from .columns import Columns
from .files import FILE_SUFFIXES, FileSource, suffix_of
from .folder import FolderSource
from .table import TABLE_SUFFIXES, TableSource
from .webdataset import ARCHIVE_SUFFIXES, WebdatasetSource

__all__ = ["Candidate", "Columns", "Content", "Source", "open_source"]


def open_source(path: Path, columns: Columns | None = None) -> Source:
    """Pick the source for a path: a folder, a table, an archive, or one picture or text file.

    Args:
        path: as the person gave it; made absolute, links kept.
        columns: roles of a table's columns; no use for other sources.

    Returns:
        A source that has not yet been scanned.

    Raises:
        UnreadableSource: there is nothing at the path, or nothing that can be indexed.
    """
    root = os.path.abspath(path.expanduser())  # noqa: PTH100 - resolve() would follow links
    where = Path(root)
    try:
        found = where.exists()
    except (OSError, ValueError) as error:
        raise UnreadableSource(str(path), str(error)) from error
    if not found:
        raise UnreadableSource(root, _missing(where))
    suffix = suffix_of(where.name)
    if where.is_dir():
        return FolderSource(root)
    if suffix in TABLE_SUFFIXES:
        return TableSource(root, columns)
    if suffix in ARCHIVE_SUFFIXES:
        return WebdatasetSource(root)
    if suffix in FILE_SUFFIXES:
        return FileSource(root)
    known = ", ".join(sorted(TABLE_SUFFIXES | ARCHIVE_SUFFIXES | FILE_SUFFIXES))
    raise UnreadableSource(
        root, f"files named *{suffix or root} are not indexed; give a folder or one of {known}"
    )


def _missing(path: Path) -> str:
    """Say how far the path does exist, which shows the typing error."""
    parent = next((p for p in path.parents if p.exists()), path)
    return (
        f"it does not exist (the last part that does is {parent}); check the spelling, or plug in its drive"
    )
