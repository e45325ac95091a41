"""Which column of a table means what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from ..errors import UnreadableSource

# For each role the usual names, the surest first; compared in lower case, with "_" and "-" as spaces.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "key": (
        *("key", "id", "sku", "handle", "uid", "uuid", "product id", "item id", "image id", "asin", "ean"),
        *("gtin", "barcode", "slug", "product handle"),
    ),
    "image": (
        *("image", "image path", "image file", "image filename", "file", "path", "filepath", "file path"),
        *("filename", "file name", "photo", "picture", "img", "image 1", "main image", "primary image"),
        *("image src", "images", "photos", "pictures", "assets", "thumbnail", "image bytes", "bytes"),
    ),
    "title": (
        *("title", "name", "product name", "product title", "product display name", "display name"),
        *("label", "heading", "headline"),
    ),
    "text": (
        *("text", "description", "caption", "captions", "body", "body html", "body (html)", "content"),
        *("summary", "details", "product description", "long description", "short description", "alt text"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of the columns that play a role; None for a role means: guess it by name.

    Attributes:
        key: tells the rows apart and stays the same when they move; without one, rows go by their number.
        image: path of the picture, relative to the table, or the picture itself.
        title: short name to show.
        text: description or caption.
    """

    key: str | None = None
    image: str | None = None
    title: str | None = None
    text: str | None = None


def assign(names: Sequence[str], wanted: Columns, *, binary: Iterable[str] = ()) -> Columns:
    """Guess the roles that are not given.

    Args:
        names: the table's columns.
        wanted: roles that the person gave; their names count in any case.
        binary: columns that hold bytes: the best guess for the picture.

    Returns:
        Columns as the table writes them; None where there is no column for a role.
    """
    tidy = {_tidy(name): name for name in reversed(names)}
    pictures = {_tidy(name): name for name in binary}
    found: dict[str, str | None] = {}
    taken = {_tidy(given) for given in _given(wanted)}
    for role, synonyms in _SYNONYMS.items():
        given = getattr(wanted, role)
        if given is not None:
            found[role] = tidy.get(_tidy(given))
            continue
        known = pictures if role == "image" and pictures else tidy
        guess = next((s for s in synonyms if s in known and s not in taken), None)
        if guess is None and known is pictures:
            guess = next((name for name in pictures if name not in taken), None)
        found[role] = None if guess is None else known[guess]
        taken.update([] if guess is None else [guess])
    return Columns(**found)


def check(names: Sequence[str], wanted: Columns, *, table: str) -> None:
    """Refuse a role given to a column that the table does not have.

    Raises:
        UnreadableSource: naming the columns that there are.
    """
    tidy = {_tidy(name) for name in names}
    for given in _given(wanted):
        if _tidy(given) not in tidy:
            raise UnreadableSource(table, f"it has no column {given!r}; its columns are {', '.join(names)}")


def _given(wanted: Columns) -> list[str]:
    values = (getattr(wanted, f.name) for f in fields(wanted))
    return [value for value in values if value is not None]


def _tidy(name: str) -> str:
    return " ".join(name.strip().lower().replace("_", " ").replace("-", " ").split())
