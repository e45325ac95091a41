"""Text files and readable names."""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path

from ..errors import UnreadableSource

TEXT_SUFFIXES = frozenset({".txt", ".md"})
MAX_TEXT_BYTES = 4 << 20

# UTF-32 first: its little-endian mark begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MOST_CONTROL = 0.02


def read_text(path: Path) -> str:
    """Read a text file in whatever encoding it most likely has.

    Args:
        path: the file.

    Returns:
        Its text with line feeds as line ends, without blank space around it; empty for an empty file.

    Raises:
        UnreadableSource: missing, unreadable, not text, or over 4 MiB.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableSource(str(path), "it is not a file")
        if status.st_size > MAX_TEXT_BYTES:
            reason = f"it has {status.st_size >> 20} MiB of text; the cap is {MAX_TEXT_BYTES >> 20} MiB"
            raise UnreadableSource(str(path), reason)
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableSource(str(path), "there is no such file") from None
    except OSError as error:
        raise UnreadableSource(str(path), error.strerror or str(error)) from error
    return decode_text(data, name=str(path))


def decode_text(data: bytes, *, name: str) -> str:
    """Decode by byte-order mark, else as UTF-8, else as Windows-1252.

    Args:
        data: the whole file.
        name: what to call it in a failure.

    Returns:
        The text with line feeds as line ends, without blank space around it.

    Raises:
        UnreadableSource: it is not text.
    """
    text = _decoded(data, name)
    if len(_CONTROL.findall(text)) > _MOST_CONTROL * len(text) or "\0" in text:
        raise UnreadableSource(name, "it looks like a binary file, not like text")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _decoded(data: bytes, name: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return clean(data.decode(encoding))
            except UnicodeDecodeError as error:
                reason = f"it is marked as {encoding.upper()} but is damaged ({error.reason})"
                raise UnreadableSource(name, reason) from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return legacy(data)


def legacy(data: bytes) -> str:
    """Decode bytes that are not UTF-8 as Windows-1252, and its five holes as Latin-1."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def clean(text: str) -> str:
    """Replace lone surrogates, which no database or terminal takes, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def readable(stem: str) -> str:
    """Turn a file's stem into a title: ``red_running-shoes`` gives ``red running shoes``.

    Args:
        stem: file name without suffix.

    Returns:
        Words parted by single spaces; the stem itself if nothing else would be left.
    """
    words = re.sub(r"(?<!\d)-|-(?!\d)", " ", stem.replace("_", " "))  # dates keep their hyphens
    return " ".join(words.split()) or stem
