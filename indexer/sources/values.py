"""Cells of foreign tables as the values that items keep."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from ..items import Attribute
from .texts import clean

# No leading zeros (article numbers, zip codes), no exponents (1E5 is a part number), no digits lost
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?")
_WORDS = {"true": True, "false": False}
_LARGEST = 2**63


def attribute(value: Any) -> Attribute:
    """Turn a cell into an attribute: plain numbers into numbers, lists into one comma string.

    Args:
        value: as CSV, JSON or Parquet gave it.

    Returns:
        The value; None for empty cells, bytes, NaN and infinities.
    """
    if isinstance(value, str):
        return _from_text(clean(value).strip())
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value < _LARGEST else str(value)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    return _from_structure(value)


def plain(value: Any) -> str:
    """Turn a cell into text: a list gives its parts on lines of their own.

    Args:
        value: as CSV, JSON or Parquet gave it.

    Returns:
        Text without blank space around it; empty for what is no text.
    """
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, list | tuple):
        return "\n".join(filter(None, map(plain, value)))
    kept = attribute(value)
    return "" if kept is None else str(kept)


def canonical(values: Mapping[str, Any]) -> bytes:
    """Write a row in a form that is equal for equal rows only; long bytes stand as their checksum."""
    return json.dumps(values, sort_keys=True, default=_digest, separators=(",", ":")).encode()


def _from_text(text: str) -> Attribute:
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return _WORDS.get(text.lower(), text or None)


def _from_structure(value: Any) -> Attribute:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple) and not any(isinstance(part, list | dict | bytes) for part in value):
        return ", ".join(str(part).strip() for part in value if part is not None) or None
    if isinstance(value, list | tuple | dict) and value:
        return clean(json.dumps(value, default=str, ensure_ascii=False))
    return None


def _digest(value: Any) -> str:
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)
