"""Which collections lie in a folder, without opening them."""

from __future__ import annotations

from pathlib import Path

from ..errors import StorageFailure
from .backends import is_collection


def list_collections(root: Path) -> list[Path]:
    """List the folders of the collections that lie directly in a folder, by name; hidden ones are left out.

    Args:
        root: where to look; if there is no such folder, there are none.

    Raises:
        StorageFailure: it cannot be looked into.
    """
    try:
        if not root.is_dir():
            return []
        folders = [each for each in root.iterdir() if not each.name.startswith(".")]
        return sorted(each for each in folders if is_collection(each))
    except OSError as error:
        raise StorageFailure(root, error.strerror or str(error)) from error
