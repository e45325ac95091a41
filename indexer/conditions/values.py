"""How values are read when they are compared: text without case, prices as numbers, dates as periods."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from ..items import Attribute

# A comma is a decimal point only where it cannot part thousands: "12,99", but "1,299" is 1299.
_PLAIN = re.compile(r"(?:0|[1-9]\d*)?(?:\.\d+)?")
_ENGLISH = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_GERMAN = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,}|(?:0|[1-9]\d*),\d{1,2}")
_GAPS = r" '\u2019\u00a0\u2009\u202f"  # apostrophes and spaces that part thousands
_SPACED = re.compile(rf"[1-9]\d{{0,2}}(?:[{_GAPS}]\d{{3}})+(?:[.,]\d+)?")
_CODES = (
    "AED|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR|NOK|NZD|"
    "PEN|PHP|PKR|PLN|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR|US\\$|A\\$|C\\$|R\\$|Rs\\.?|Fr\\.?|kr\\.?|"
    "zł|Kč|Ft|lei"
)
_MONEY = rf"(?:{_CODES}|[$¢£¤¥฿₠-⃀])"
_AMOUNT = re.compile(
    rf"(?P<minus>-)?\s*(?:{_MONEY}\s*)?(?P<sign>-)?(?P<digits>[\d.][\d.,{_GAPS}]*?)\s*{_MONEY}?",
    re.IGNORECASE | re.ASCII,
)
_LONGEST_AMOUNT = 400  # digits of the largest number that is still finite, and some money
DATE_SHAPE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]*"
"""SQLite's glob of a text that begins like a date."""

_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A month, a day, a minute, a second or a fraction of one, as ISO 8601 writes them.

    Attributes:
        text: such as ``2024-01``, ``2024-01-15`` or ``2024-01-15T10:30``; a space may stand for the T.

    Raises:
        ValueError: it is not written like this, or there is no such date or time.
    """

    text: str

    def __post_init__(self) -> None:
        text = self.text.replace(" ", "T")
        object.__setattr__(self, "text", text)
        if not _DATE.fullmatch(text):
            raise ValueError(f"{text!r} is not a date such as 2024-01 or 2024-01-15 or 2024-01-15T10:30")
        datetime.fromisoformat(text if len(text) > 7 else f"{text}-01")


def fold(text: str) -> str:
    """Write text so that equal words are equal: no case, accents composed."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def number_of(text: str) -> float | None:
    """Read a number or a price, such as ``12.99``, ``$1,299.00``, ``1.299,00 EUR`` or ``12,99 €``.

    Leading zeros (article numbers, zip codes), exponents and units other than money make it text. A comma
    before exactly three digits parts thousands; before one or two it is a decimal comma.

    Returns:
        The number; None for anything else.
    """
    if not text or len(text) > _LONGEST_AMOUNT:
        return None
    found = _AMOUNT.fullmatch(text.strip())
    if not found or (found["minus"] and found["sign"]):
        return None
    digits = found["digits"].strip()
    plain = _plain(digits)
    if plain is None:
        return None
    number = float(plain)
    if number == float("inf"):
        return None
    return -number if found["minus"] or found["sign"] else number


def _plain(digits: str) -> str | None:
    if _PLAIN.fullmatch(digits):
        return digits
    if _ENGLISH.fullmatch(digits):
        return digits.replace(",", "")
    if _GERMAN.fullmatch(digits):
        return digits.replace(".", "").replace(",", ".")
    if _SPACED.fullmatch(digits):
        return re.sub(r"[^\d.,]", "", digits).replace(",", ".")
    return None


def comparable(value: Attribute) -> tuple[str, float | None] | None:
    """Give an attribute the form in which it is compared.

    Returns:
        Its text without case, and its number if it is one or reads like one; None for no value.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower(), None
    if isinstance(value, str):
        return comparable_text(value), number_of(value)
    text = repr(value)
    return text.removesuffix(".0"), float(value)


def comparable_text(text: str) -> str:
    """Write a text as it is compared: without case, and a date's time after a ``t``, so that dates sort."""
    folded = fold(text)
    return f"{folded[:10]}t{folded[11:]}" if _DATE.fullmatch(text) and len(text) > 10 else folded


def pattern_of(glob: str) -> str:
    """Turn a glob of ours, in which only ``*`` and ``?`` are special, into one of SQLite's."""
    return fold(glob).replace("[", "[[]")


def year_of(number: float) -> str | None:
    """Write a number as a year where it can be one: a whole number of four digits."""
    return f"{number:.0f}" if number.is_integer() and 1000 <= number <= 9999 else None
