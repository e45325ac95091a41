"""The small language that queries are written in, read and written.

    red running shoes
    "black - and - white" shirt
    shoe.jpg                        shoe.jpg[40,60,200,120]
    https://example.org/shoe.jpg    https://example.org/shoe.jpg[10%,20%,50%,50%]
    2:handbag + bag.jpg - floral
    item:17 - leather

Terms are joined by ``+`` and ``-`` standing alone between spaces; ``2:`` or ``0.5:`` before a term is its
weight. A term is a picture if it names a picture file or an http(s) address, an item if it reads ``item:ID``,
otherwise words; between quotation marks everything is words. Brackets after a picture or an item name a
region of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer import IMAGE_SUFFIXES

from ..errors import BadQuery
from .query import Like, Picture, Query, Region, Term, Vector, Words, plain_number

_NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_WEIGHT = rf"(?:(?P<weight>{_NUMBER}):(?!//)\s*)?"
_SIGN = r"[+-](?=\s|$)"
_TOKEN = re.compile(
    rf"(?P<sign>{_SIGN})|{_WEIGHT}(?:"
    r'"(?P<quoted>(?:\\.|[^"\\])*)"(?=\s|$)'
    rf"|(?P<bare>(?!{_SIGN})(?:\S+?\[[0-9.,%\s]+\](?=\s|$)|\S+))"
    rf"|(?=\s*(?:$|{_SIGN})))",  # a weight without a term
    re.DOTALL,
)
_ESCAPED = re.compile(r'\\(["\\])')
_WEIGHTED = re.compile(rf"{_WEIGHT}(?P<rest>.*)", re.DOTALL)
_ITEM = re.compile(r"item:([0-9]+)")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_REGION = re.compile(r"(.+?)(?<!//)\[([^\[\]]*)\]", re.DOTALL)  # after // it is the host http://[::1]
_SIDES = re.compile(rf"\s*({_NUMBER})(%?)\s*" + rf",\s*({_NUMBER})\2\s*" * 3)
_NAMES_PICTURE = re.compile(
    rf"\S+\.({'|'.join(sorted(s.lstrip('.') for s in IMAGE_SUFFIXES))})", re.IGNORECASE
)


def parse_query(arguments: Sequence[str], *, k: int = 10, offset: int = 0) -> Query:
    """Read a query.

    Args:
        arguments: as for ``parse_terms``.
        k: how many hits.
        offset: how many hits to skip.

    Raises:
        EmptyQuery: nothing is asked.
        BadQuery: a term is empty, weighs nothing, or names a picture that does not exist.
    """
    return Query(terms=parse_terms(arguments), text=" ".join(arguments).strip(), k=k, offset=offset)


def parse_terms(arguments: Sequence[str], *, files: bool = True) -> tuple[Term, ...]:
    """Read the terms of a query.

    Args:
        arguments: one string, or the words of a command line; an argument that is the path of an existing
            file stays whole, whatever is in its name.
        files: whether a term may name a file; otherwise the disk is never looked at.

    Returns:
        The terms in their order; none if nothing is written.

    Raises:
        BadQuery: a term is empty, weighs nothing, or names a picture that does not exist.
    """
    return tuple(_term(group, files=files) for group in _groups(_tokens(arguments, files=files)))


def write_terms(terms: Sequence[Term]) -> tuple[str, ...]:
    """Write terms so that ``parse_terms`` gives them back.

    Args:
        terms: any; a picture that is given by its data, and an embedding, are written by their names.

    Returns:
        Arguments; joined by spaces they are one string that reads the same, unless the name of a file holds
        a sign between spaces.
    """
    written: list[str] = []
    for term in terms:
        if written or term.weight < 0:
            written.append("-" if term.weight < 0 else "+")
        weight = abs(term.weight)
        written.append(("" if weight == 1 else f"{plain_number(weight)}:") + _written(term))
    return tuple(written)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A piece of a query.

    Attributes:
        raw: as it was written.
        text: without its weight and quotation marks.
        weight: in front of it; None for none.
        sign: whether it is ``+`` or ``-``.
        quoted: whether it stood between quotation marks.
        whole: whether it is a term of its own, even without a sign beside it.
    """

    raw: str
    text: str
    weight: float | None = None
    sign: bool = False
    quoted: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The tokens of one term, with its sign, 1.0 or -1.0."""

    sign: float
    tokens: tuple[_Token, ...]


def _groups(tokens: Iterator[_Token]) -> Iterator[_Group]:
    words: list[_Token] = []
    sign, waiting = 1.0, ""  # waiting: the sign whose term has not come yet
    for token in tokens:
        if token.sign and waiting and not words:
            raise BadQuery(token.raw, "it follows another sign")
        if (token.sign or token.whole) and words:
            yield _Group(sign=sign, tokens=tuple(words))
            words, sign = [], 1.0
        if token.sign:
            sign, waiting = (1.0 if token.raw == "+" else -1.0), token.raw
        elif token.whole:
            yield _Group(sign=sign, tokens=(token,))
            sign, waiting = 1.0, ""
        else:
            words.append(token)
            waiting = ""
    if words:
        yield _Group(sign=sign, tokens=tuple(words))
    elif waiting:
        raise BadQuery(waiting, "nothing follows it")


def _tokens(arguments: Sequence[str], *, files: bool) -> Iterator[_Token]:
    """Split arguments; those that name a file stay whole, those between them are read as one string."""
    run: list[str] = []
    for argument in arguments:
        whole = _whole_file(argument) if files else None
        if whole is None:
            run.append(argument)
        else:
            yield from _scan(" ".join(run))
            yield whole
            run = []
    yield from _scan(" ".join(run))


def _whole_file(argument: str) -> _Token | None:
    """Take an argument that is a file's name, with or without a weight before it and a region behind it."""
    if argument in ("+", "-"):
        return None
    if _names_file(argument):
        return _Token(raw=argument, text=argument, whole=True)
    match = _WEIGHTED.fullmatch(argument)
    if match is None or not _names_file(match["rest"]):
        return None
    return _Token(raw=argument, text=match["rest"], weight=_weight(match), whole=True)


def _scan(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        raw = match[0]
        if not raw:
            continue
        if match["sign"]:
            yield _Token(raw=raw, text=raw, sign=True)
        elif match["quoted"] is not None:
            phrase = _ESCAPED.sub(r"\1", match["quoted"])
            yield _Token(raw=raw, text=phrase, weight=_weight(match), quoted=True)
        else:
            bare = match["bare"] or ""
            if bare.startswith('"'):
                raise BadQuery(
                    bare, "a quotation mark must be closed, with a space or the end of the query after it"
                )
            base = _without_region(bare)
            whole = bool(_URL.fullmatch(base) or _ITEM.fullmatch(base))
            yield _Token(raw=raw, text=bare, weight=_weight(match), whole=whole)


def _weight(match: re.Match[str]) -> float | None:
    return None if match["weight"] is None else float(match["weight"])


def _without_region(text: str) -> str:
    match = _REGION.fullmatch(text)
    return match[1] if match else text


def _term(group: _Group, *, files: bool) -> Term:
    first, *others = group.tokens
    texts = [first.text] + [token.text if token.quoted else token.raw for token in others]
    text = " ".join(texts)
    written = " ".join(token.raw for token in group.tokens)
    if not text.strip():
        raise BadQuery(written, "a weight or a quotation mark must be followed by a term")
    if any(token.quoted and token.weight is not None for token in others):
        raise BadQuery(written, "a weight stands at the start of a term; put ' + ' before it")
    weight = group.sign * (1.0 if first.weight is None else first.weight)
    if any(token.quoted for token in group.tokens):
        return Words(text=text, weight=weight)
    if files and first.weight is not None and _is_file(written):  # a file may be called like that
        return Picture(name=written, path=Path(written), weight=group.sign)
    return _unquoted(text, weight, files=files)


def _unquoted(text: str, weight: float, *, files: bool) -> Term:
    """Tell pictures and items from words."""
    if files and _is_file(text):
        return Picture(name=text, path=Path(text), weight=weight)
    match = _REGION.fullmatch(text)
    base, sides = (match[1], match[2]) if match else (text, None)
    item = _ITEM.fullmatch(base)
    if item:
        return Like(item_id=_item_id(item), region=_region(text, sides), weight=weight)
    if _URL.fullmatch(base):
        return Picture(name=base, url=base, region=_region(text, sides), weight=weight)
    if files and _is_file(base):
        return Picture(name=base, path=Path(base), region=_region(text, sides), weight=weight)
    if files and _NAMES_PICTURE.fullmatch(base):
        raise BadQuery(text, "there is no such picture file")
    return Words(text=text, weight=weight)


def _item_id(match: re.Match[str]) -> int:
    digits = match[1].lstrip("0")
    return int(digits[:20] or 0)  # cut: more than any item has, and int() refuses thousands of digits


def _region(term: str, sides: str | None) -> Region | None:
    if sides is None:
        return None
    match = _SIDES.fullmatch(sides)
    if match is None:
        raise BadQuery(term, "a region reads [x,y,width,height], four numbers in pixels, or all four with %")
    x, y, width, height = (float(match[place]) for place in (1, 3, 4, 5))
    try:
        return Region(x=x, y=y, width=width, height=height, percent=bool(match[2]))
    except BadQuery as error:
        raise BadQuery(term, error.reason) from None


def _names_file(text: str) -> bool:
    return _is_file(text) or (text.endswith("]") and _is_file(_without_region(text)))


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a file name, or with a NUL
        return False


def _written(term: Term) -> str:
    """Write a term without its sign and weight."""
    if isinstance(term, Like):
        return f"item:{term.item_id}{term.region or ''}"
    if isinstance(term, Picture):
        return f"{term.url or term.path or term.name}{term.region or ''}"
    if isinstance(term, Vector):
        return term.name
    plain = replace(term, weight=1.0)
    for written in (term.text, _quoted(term.text)):
        if _reads_as(written, plain):
            return written
    return _quoted(term.text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _reads_as(written: str, term: Words) -> bool:
    try:
        return parse_terms([written]) == (term,)
    except BadQuery:
        return False
