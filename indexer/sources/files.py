"""Candidates made of single files: a picture with or without caption, or a text; and one file as a root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ..errors import UnreadableSource
from ..images.decode import IMAGE_SUFFIXES, read_image_bytes
from ..items import Failure
from .base import Candidate, Content
from .texts import TEXT_SUFFIXES, read_text, readable

FILE_SUFFIXES = IMAGE_SUFFIXES | TEXT_SUFFIXES
CAPTION_SUFFIX = ".txt"


def suffix_of(name: str) -> str:
    """Return the suffix of a name (not of a path) in lower case, with its dot; empty if there is none."""
    stem, dot, end = name.rpartition(".")  # os.path.splitext takes three times as long
    return f".{end.lower()}" if dot and stem.strip(".") else ""


def file_candidate(
    path: str, status: os.stat_result, caption: tuple[str, os.stat_result] | None
) -> Candidate:
    """Make the candidate for a picture or text file.

    Args:
        path: absolute.
        status: of the file.
        caption: path and status of the picture's sidecar text, if it has one.

    Returns:
        A candidate whose fingerprint holds size and time of the file and of its caption.
    """
    fingerprint = stamp(status)
    if caption is not None:
        fingerprint += f"+{stamp(caption[1])}"
    # No closure, for it may be sent to another process; and no Path yet, for most inputs are never read.
    load = partial(_load, path, None if caption is None else caption[0])
    return Candidate(path, path, fingerprint, load)


def stamp(status: os.stat_result) -> str:
    """Return size and modification time, which change whenever a file is written."""
    return f"{status.st_size}:{status.st_mtime_ns}"


def _load(name: str, caption: str | None) -> Content:
    path = Path(name)
    title = readable(path.stem)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        text = "" if caption is None else read_text(Path(caption))
        return Content(image=read_image_bytes(path), title=title, text=text)
    text = read_text(path)
    if not text:
        raise UnreadableSource(name, "it holds no text")
    return Content(image=None, title=title, text=text)


class FileSource:
    """One picture or text file given to ``index``.

    Args:
        path: absolute path of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def root(self) -> str:
        """Absolute path as given."""
        return self._path

    def scan(self) -> Iterator[Candidate | Failure]:
        """Yield the one candidate.

        Raises:
            UnreadableSource: the file is away.
        """
        try:
            status = os.stat(self._path)  # noqa: PTH116 - same call as for the caption below
        except OSError as error:
            raise UnreadableSource(self._path, error.strerror or str(error)) from error
        yield file_candidate(self._path, status, self._caption())

    def owns(self, key: str) -> bool:
        """Say whether the key is this file."""
        return key == self._path

    def _caption(self) -> tuple[str, os.stat_result] | None:
        path = Path(self._path)
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            return None
        endings = (CAPTION_SUFFIX, CAPTION_SUFFIX.upper())
        sidecars = [Path(f"{path}{e}") for e in endings] + [path.with_suffix(e) for e in endings]
        for sidecar in sidecars:
            try:
                return str(sidecar), sidecar.stat()
            except OSError:
                continue
        return None
