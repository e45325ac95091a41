"""What is done to a text before it becomes tokens, as open_clip does it, without torch."""

from __future__ import annotations

import html
import string
from typing import Literal, get_args

Cleaning = Literal["whitespace", "lower", "canonicalize"]
CLEANINGS: tuple[Cleaning, ...] = get_args(Cleaning)
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def cleaned(text: str, how: Cleaning) -> str:
    """Mend broken Unicode, resolve HTML's entities and join white space.

    Args:
        text: any.
        how: ``lower`` also makes letters small; ``canonicalize`` also drops punctuation, as for SigLIP.
    """
    text = html.unescape(html.unescape(_mended(text)))
    if how == "canonicalize":
        text = text.strip().replace("_", " ").translate(_WITHOUT_PUNCTUATION)
    if how != "whitespace":
        text = text.lower()
    return " ".join(text.split())


def _mended(text: str) -> str:
    if text.isascii() and text.isprintable() and "&" not in text:
        return text  # nothing there that ftfy mends; importing it takes 25 ms of each start
    import ftfy

    return ftfy.fix_text(text)
