"""Small files that belong to a collection: in its folder, and on its server, if it has one, for everybody."""

from __future__ import annotations

import base64
from pathlib import Path

from ..errors import StorageFailure
from ..files.atomic_write import write_whole
from ..storage.store import Store


def keep_file(store: Store, folder: Path, name: str) -> None:
    """Give a file of a collection's folder to all that use the collection.

    Raises:
        StorageFailure: it cannot be read, or the server cannot be written.
    """
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise StorageFailure(folder, error.strerror or str(error)) from error
    store.set_meta(**{_fact(name): base64.b64encode(data).decode()})


def fetch_file(store: Store, folder: Path, name: str) -> None:
    """Bring a file of a collection's folder to what the server has, if it has one.

    Raises:
        StorageFailure: the folder cannot be written, or the server cannot be read.
    """
    told = store.meta(_fact(name))
    if told is None:
        return
    data, path = base64.b64decode(told), folder / name
    try:
        if not path.is_file() or path.read_bytes() != data:
            write_whole(path, data, beside=path.with_name(f"{name}.new"))
    except OSError as error:
        raise StorageFailure(folder, error.strerror or str(error)) from error


def _fact(name: str) -> str:
    return f"file:{name}"
