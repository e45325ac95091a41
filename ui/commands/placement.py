"""Where a collection is to lie: whether one can, said before anything slow is begun."""

from __future__ import annotations

import os
from pathlib import Path


def misplaced(folder: Path) -> str:
    """Say in a sentence why no collection can lie in a folder; empty if one can, or does."""
    there = _there(folder)
    if there.is_dir():
        return ""
    return (
        f"There can be no collection at {folder}: {'it' if there == folder else there} is a file, and a "
        "collection is a folder. Give --collection (or FINDMAKE_COLLECTION) a folder; it need not be there."
    )


def check_writable(folder: Path) -> None:
    """See that a collection can be made in a folder, or written to.

    Raises:
        StorageFailure: it cannot.
    """
    from indexer import SERVER_FILE, StorageFailure

    is_served = (folder / SERVER_FILE).is_file()  # what it stands for is written there
    if not os.access(_there(folder), os.W_OK | os.X_OK) and not is_served:
        raise StorageFailure(folder, f"{_there(folder)} must not be written to")


def _there(folder: Path) -> Path:
    """Give a folder, or as much of the way to it as there is."""
    return next(each for each in (folder, *folder.parents) if os.path.lexists(each))
