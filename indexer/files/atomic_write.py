"""Writing a file as a whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes, *, beside: Path) -> None:
    """Write a file under another name, force it to the disk, and rename it.

    Whatever happens, there is the old file or the new one, never half of one.

    Args:
        path: of the file.
        data: its bytes.
        beside: the other name, in the same folder; what is there is overwritten. It is left behind only by a
            process that is killed.

    Raises:
        OSError: it cannot be written; the old file stays.
    """
    try:
        with beside.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
