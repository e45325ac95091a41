"""What people may have written at any length, fit for one line."""

from __future__ import annotations

import re

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # lines, terminals and UTF-8


def one_line(text: str) -> str:
    r"""Write text, such as a file's name, so that it fills one line of a table: a line break as ``\n``."""
    return _BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def shorter(text: str, most: int = 160) -> str:
    """Cut what people may have written at any length to a line, with a sign that it goes on."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}\u2026"
