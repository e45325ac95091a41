"""Which files of this machine may be named by somebody who is not at it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from indexer import FindmakeError


class NotAllowed(FindmakeError):
    """A path is not below a folder that is allowed; whether it exists is not told."""

    def __init__(self) -> None:
        super().__init__(
            "This path is not below a folder that the server allows. Allow it with: serve --allow DIR."
        )


def allowed_path(path: str, roots: Sequence[Path] | None) -> Path:
    """Make sure that a path may be read.

    Args:
        path: absolute, as it was given.
        roots: folders below which it must lie, whatever links and dots are in it; None to allow any path.

    Returns:
        Where it leads.

    Raises:
        NotAllowed: it is not absolute, no path at all, or lies elsewhere.
    """
    try:
        wanted = Path(path)
        if not wanted.is_absolute():
            raise NotAllowed
        real = Path(os.path.realpath(wanted))  # where it leads, whatever links and dots are in it
        within = roots is None or any(real.is_relative_to(os.path.realpath(root)) for root in roots)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        raise NotAllowed from None
    if not within:
        raise NotAllowed
    return wanted if roots is None else real
