"""A collection whose truth is on a PostgreSQL server: its address, and the folder that stands for it here.

Everything else that belongs to a collection and is no row (jobs, pictures that were made, what was uploaded)
lies in a folder of this machine, as it does beside an SQLite file. A file in it names the server.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import BadAddress, StorageFailure
from ..files.atomic_write import write_whole

SERVER_FILE = "server.url"
_SCHEME = "postgresql+psycopg"


def use_server(address: str, root: Path) -> tuple[Path, str | None]:
    """Make the folder that stands for a collection on a server; give its path, and the password.

    The password is written to no file: the driver reads it from the variable ``PGPASSWORD``.

    Args:
        address: such as ``postgresql+psycopg://name:password@host/database``.
        root: where such folders lie.

    Raises:
        BadAddress: it is none that this program can use.
        StorageFailure: the folder cannot be made.
    """
    url = _parsed(address)
    plain = _plain(url)
    name = re.sub(r"[^A-Za-z0-9]+", "-", f"{url.host or 'local'}-{url.database or ''}").strip("-")
    folder = root / f"{name[:60]}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
    if address_of(folder) != plain:
        link(folder, plain)
    return folder, None if url.password is None else str(url.password)


def link(folder: Path, address: str) -> None:
    """Let a folder stand for a collection on a server; a password in the address is not written down.

    Raises:
        BadAddress: it is none that this program can use.
        StorageFailure: the folder cannot be written.
    """
    plain = _plain(_parsed(address))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / SERVER_FILE, f"{plain}\n".encode(), beside=folder / f"{SERVER_FILE}.new")
    except OSError as error:
        raise StorageFailure(folder, error.strerror or str(error)) from error


def address_of(folder: Path) -> str | None:
    """Read which server a folder stands for; None if its collection is in itself.

    Raises:
        StorageFailure: it cannot be read.
    """
    try:
        return (folder / SERVER_FILE).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StorageFailure(folder, str(error)) from error


def _plain(url: URL) -> str:
    """Write an address without its password; URL.set takes None for no change."""
    return url._replace(password=None).render_as_string(hide_password=False)


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise BadAddress(address) from error
    if url.drivername not in (_SCHEME, "postgresql", "postgres") or not url.database:
        raise BadAddress(url.render_as_string(hide_password=True))
    return url.set(drivername=_SCHEME)
