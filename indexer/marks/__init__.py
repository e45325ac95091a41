"""Recognise, in anyone's picture files, the marks that say that a model made the picture.

A mark is a claim that anybody may write or remove: finding one says that the file says so, finding none says
nothing. See docs/provenance.md.
"""

from __future__ import annotations

from .base import Mark, Parts
from .containers import parts_of, without_metadata
from .exif import DESCRIPTION, MAKE, MODEL, SOFTWARE, USER_COMMENT, comment, fields_of, words
from .jumbf import mark_in_c2pa
from .tools import mark_in_texts
from .xmp import mark_in_xmp

__all__ = ["Mark", "find_mark", "without_metadata"]

_NAMES = {DESCRIPTION: "ImageDescription", MAKE: "Make", MODEL: "Model", SOFTWARE: "Software"}


def find_mark(data: bytes) -> Mark | None:
    """Look for a mark that says that a model made a picture.

    Reads a few parts of the file within fixed limits, decodes no pixel, and never fails: whatever cannot be
    read is not there. Marks that tell the prompt come before those that only state the fact.

    Args:
        data: a picture file (PNG, JPEG, WebP, HEIC, AVIF or TIFF), whole or cut short.

    Returns:
        The mark, or None.
    """
    parts = parts_of(data)
    in_xmp = mark_in_xmp(parts.xmp) if parts.xmp else None
    if in_xmp and in_xmp.name == "findmake" and in_xmp.seed is not None:
        return in_xmp  # JSON, which says exactly what the text for other tools says less clearly
    mark = mark_in_texts(_texts(parts)) if parts.texts or parts.exif else None
    if mark and mark.name != "Software":
        return mark
    return (mark_in_c2pa(parts.c2pa) if parts.c2pa else None) or in_xmp or mark


def _texts(parts: Parts) -> dict[str, str]:
    """Put the texts of the file and those of its EXIF together, by name."""
    texts = dict(parts.texts)
    if parts.exif:
        for tag, raw in fields_of(parts.exif).items():
            if tag == USER_COMMENT:
                texts.setdefault("UserComment", comment(raw))
            elif tag in _NAMES:
                texts.setdefault(_NAMES[tag], words(raw))
    return texts
