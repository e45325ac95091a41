"""What is sought: weighted terms, and the small language they are written in.

    red running shoes
    shoe.jpg
    2:handbag + bag.jpg - floral
    item:17 - leather

Terms are joined by ``+`` and ``-`` standing alone between spaces; ``2:`` or ``0.5:`` before a term is its
weight. A term is a picture if it names a picture file, an item if it reads ``item:ID``, otherwise words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer import IMAGE_SUFFIXES

from .errors import BadQuery, EmptyQuery

_SIGN = re.compile(r"(?:^|\s)([+-])(?=\s|$)")
_WEIGHT = re.compile(r"(\d+(?:\.\d+)?|\.\d+):(?!//)\s*(.*)", re.DOTALL)
_ITEM = re.compile(r"item:(\d+)")
_NAMES_PICTURE = re.compile(
    rf"\S+\.({'|'.join(sorted(s.lstrip('.') for s in IMAGE_SUFFIXES))})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A term in words.

    Attributes:
        text: the words; not blank.
        weight: negative to steer away.
    """

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A term that is a picture.

    Attributes:
        name: what to call it in messages.
        path: its file; None if ``data`` holds it.
        data: its encoded bytes; None if ``path`` names it.
        weight: negative to steer away.
    """

    name: str
    path: Path | None = None
    data: bytes | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """A term that is an item of the collection.

    Attributes:
        item_id: the item; itself left out of the hits.
        weight: negative to steer away.
    """

    item_id: int
    weight: float = 1.0


Term = Words | Picture | Like


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is sought.

    Attributes:
        terms: at least one.
        text: the query as it was written.
        k: how many hits, at least 1.
        offset: how many hits to skip, at least 0.
    """

    terms: tuple[Term, ...]
    text: str
    k: int = 10
    offset: int = 0

    def __post_init__(self) -> None:
        if not self.terms:
            raise EmptyQuery("the query is blank")
        if self.k < 1:
            raise BadQuery(str(self.k), "the number of hits must be at least 1")
        if self.offset < 0:
            raise BadQuery(str(self.offset), "the offset must be at least 0")


def parse_query(arguments: Sequence[str], *, k: int = 10, offset: int = 0) -> Query:
    """Read a query.

    Args:
        arguments: one string, or the words of a command line; an argument that is the path of an existing
            file stays whole, whatever is in its name.
        k: how many hits.
        offset: how many hits to skip.

    Raises:
        EmptyQuery: nothing is asked.
        BadQuery: a term is empty, weighs nothing, or names a picture that does not exist.
    """
    terms = tuple(_term(text, sign) for sign, text in _signed(arguments))
    return Query(terms=terms, text=" ".join(arguments).strip(), k=k, offset=offset)


def _signed(arguments: Sequence[str]) -> Iterator[tuple[float, str]]:
    """Give each term's text with its sign, 1.0 or -1.0."""
    words: list[str] = []
    sign, expecting = 1.0, False  # expecting: a sign has been read, but not yet its term
    for token in _tokens(arguments):
        if token in ("+", "-"):
            if words:
                yield sign, " ".join(words)
            elif expecting:
                raise BadQuery(token, "it follows another sign")
            words, sign, expecting = [], (1.0 if token == "+" else -1.0), True
        elif _is_file(token):
            if words:
                yield sign, " ".join(words)
                sign = 1.0
            yield sign, token
            words, sign, expecting = [], 1.0, False
        else:
            words.append(token)
    if words:
        yield sign, " ".join(words)
    elif expecting:
        raise BadQuery("+" if sign > 0 else "-", "nothing follows it")


def _tokens(arguments: Sequence[str]) -> Iterator[str]:
    """Split arguments at signs; whole file names stay whole."""
    for argument in arguments:
        if _is_file(argument):
            yield argument
            continue
        for part in _SIGN.split(argument):
            part = part.strip()
            if part:
                yield part


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a file name, or with a NUL
        return False


def _term(text: str, sign: float) -> Term:
    weight = 1.0
    weighted = None if _is_file(text) else _WEIGHT.fullmatch(text)
    if weighted:
        weight, text = float(weighted[1]), weighted[2].strip()
    if not text:
        raise BadQuery(weighted[0] if weighted else text, "a weight must be followed by a term")
    if weight == 0:
        raise BadQuery(text, "its weight is 0")
    item = _ITEM.fullmatch(text)
    if item:
        return Like(item_id=int(item[1]), weight=sign * weight)
    if _is_file(text):
        return Picture(name=text, path=Path(text), weight=sign * weight)
    if _NAMES_PICTURE.fullmatch(text):
        raise BadQuery(text, "there is no such picture file")
    return Words(text=text, weight=sign * weight)
