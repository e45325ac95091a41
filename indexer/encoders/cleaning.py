"""What is done to a text before it becomes tokens, as open_clip does it, without torch."""

from __future__ import annotations

import html
import string
from typing import Literal, get_args

import ftfy

Cleaning = Literal["whitespace", "lower", "canonicalize"]
CLEANINGS: tuple[Cleaning, ...] = get_args(Cleaning)
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def cleaned(text: str, how: Cleaning) -> str:
    """Mend broken Unicode, resolve HTML's entities and join white space.

    Args:
        text: any.
        how: ``lower`` also makes letters small; ``canonicalize`` also drops punctuation, as for SigLIP.
    """
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    if how == "canonicalize":
        text = text.strip().replace("_", " ").translate(_WITHOUT_PUNCTUATION)
    if how != "whitespace":
        text = text.lower()
    return " ".join(text.split())
