"""The language of filters.

    price<80 and brand in (Nike, "New Balance") and taken>2024-01 and not tag:sale
    path~"*/2023/*" or (origin=generated and has:colour)

``not`` binds tighter than ``and``, ``and`` tighter than ``or``. A bare word that reads like a number or a
date is one; in quotation marks it is text. Whatever the string, it is parsed or refused with ``BadFilter``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args

from indexer import (
    DATE_FIELDS,
    NUMBER_FIELDS,
    Both,
    Compare,
    Condition,
    Either,
    Has,
    Matches,
    Not,
    OneOf,
    Operator,
    Period,
    Tagged,
    Value,
    number_of,
)

from ..errors import BadFilter

LONGEST = 10_000
"""Characters of a filter at most."""

DEEPEST = 50
"""Parentheses and ``not`` within each other at most."""

_KEYWORDS = frozenset({"and", "or", "not", "in"})
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>==|!=|<=|>=|[=<>~])
      | (?P<mark>[(),])
      | (?P<prefix>(?:has|tag):)
      | (?P<word>[^\s"'=!<>~(),]+)
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BARE = re.compile(r"[^\s\"'=!<>~(),]+")
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2}(?:[T ]\d{2}:\d{2}.*)?)?", re.ASCII)
_ZONE = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$", re.IGNORECASE | re.ASCII)
_OPERATORS: dict[str, Operator] = {operator: operator for operator in get_args(Operator)} | {"==": "="}


def parse_filter(text: str) -> Condition:
    """Read a filter.

    Args:
        text: see the notes of this module and docs/filters.md.

    Raises:
        BadFilter: it cannot be understood; with the place and the reason.
    """
    if len(text) > LONGEST:
        raise BadFilter(text, LONGEST, f"a filter has at most {LONGEST:,} characters, this one {len(text):,}")
    return _Parser(text).parse()


def format_filter(condition: Condition) -> str:
    """Write a condition in the language; ``parse_filter`` gives it back."""
    if isinstance(condition, Both | Either):
        word = " and " if isinstance(condition, Both) else " or "
        return word.join(_part(part) for part in condition.parts)
    if isinstance(condition, Not):
        return f"not {_part(condition.part)}"
    return _simple(condition)


def _simple(condition: Compare | OneOf | Matches | Has | Tagged) -> str:
    if isinstance(condition, Tagged):
        return f"tag:{_quoted(condition.tag)}"
    field = _quoted(condition.field)
    if isinstance(condition, Has):
        return f"has:{field}"
    if isinstance(condition, Matches):
        return f"{field}~{_quoted(condition.pattern)}"
    if isinstance(condition, OneOf):
        return f"{field} in ({', '.join(map(_value, condition.values))})"
    return f"{field}{condition.operator}{_value(condition.value)}"


def _part(condition: Condition) -> str:
    text = format_filter(condition)
    return f"({text})" if isinstance(condition, Both | Either) else text


def _value(value: Value) -> str:
    if isinstance(value, Period):
        return value.text
    if isinstance(value, str):
        return _quoted(value)
    return format(Decimal(repr(float(value))), "f").removesuffix(".0")


def _quoted(text: str) -> str:
    """Put text into quotation marks unless it is plainly one word."""
    if _BARE.fullmatch(text) and text[0].isalpha() and ":" not in text and _is_word(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_word(text: str) -> bool:
    return text.lower() not in _KEYWORDS and number_of(text) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A piece of a filter.

    Attributes:
        sort: string, operator, mark, prefix, word or end.
        text: what it says; of a string, without its quotation marks.
        at: where it begins.
    """

    sort: str
    text: str
    at: int

    def says(self, *words: str) -> bool:
        return self.sort in ("word", "mark") and self.text.lower() in words


class _Parser:
    """Recursive descent, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self._token = self._next(0)

    def parse(self) -> Condition:
        if self._token.sort == "end":
            raise self._bad("it is blank")
        condition = self._any()
        if self._token.sort != "end":
            raise self._bad(self._why_not_end())
        return condition

    def _why_not_end(self) -> str:
        if self._token.says(")"):
            return "this parenthesis was never opened"
        if self._token.sort in ("word", "string"):
            return "expected 'and' or 'or' here; put quotation marks around a value with spaces"
        return "expected 'and', 'or' or the end here"

    def _any(self) -> Condition:
        return self._joined("or", self._all, lambda parts: Either(parts=parts))

    def _all(self) -> Condition:
        return self._joined("and", self._negated, lambda parts: Both(parts=parts))

    def _joined(
        self, word: str, part: Callable[[], Condition], join: Callable[[tuple[Condition, ...]], Condition]
    ) -> Condition:
        parts = [part()]
        while self._token.says(word):
            self._take()
            parts.append(part())
        return join(tuple(parts)) if len(parts) > 1 else parts[0]

    def _negated(self) -> Condition:
        if not self._token.says("not", "("):
            return self._simple()
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._bad(f"it is nested more than {DEEPEST} deep")
        if self._take().text == "(":
            condition = self._any()
            if not self._token.says(")"):
                raise self._bad("expected ')' here" if self._token.sort == "end" else self._why_not_end())
            self._take()
        else:
            condition = Not(part=self._negated())
        self._depth -= 1
        return condition

    def _simple(self) -> Condition:
        if self._token.sort == "prefix":
            is_tag = self._take().text.lower() == "tag:"
            name = self._name("a tag" if is_tag else "the name of an attribute")
            return Tagged(tag=name.text) if is_tag else self._checked(name, Has, field=name.text)
        if self._token.says(*_KEYWORDS):
            raise self._bad(f"expected a condition such as price<80 before {self._token.text!r}")
        field = self._name("a condition such as price<80 or tag:sale")
        self._checked(field, Has, field=field.text)
        operator = self._token
        if operator.says("in"):
            self._take()
            return OneOf(field=field.text, values=self._values(field.text))
        if operator.sort != "operator":
            raise self._bad(f"expected a comparison such as = or < after {field.text!r}")
        self._take()
        if operator.text == "~":
            pattern = self._name("a pattern such as '*/2023/*'")
            return self._checked(field, Matches, field=field.text, pattern=pattern.text)
        value = self._value(field.text)
        return Compare(field=field.text, operator=_OPERATORS[operator.text], value=value)

    def _values(self, field: str) -> tuple[Value, ...]:
        if not self._token.says("("):
            raise self._bad("expected '(' and a list of values after 'in'")
        self._take()
        values = [self._value(field)]
        while self._token.says(","):
            self._take()
            values.append(self._value(field))
        if not self._token.says(")"):
            raise self._bad("expected ',' or ')' here; put quotation marks around a value with spaces")
        self._take()
        return tuple(values)

    def _value(self, field: str) -> Value:
        """Read a value: of the type that the field has, else of the type that a bare word looks like."""
        token = self._name("a value")
        value = self._typed(token, always=field.lower() in NUMBER_FIELDS | DATE_FIELDS)
        self._checked(token, OneOf, field=field, values=(value,))
        return value

    def _typed(self, token: _Token, *, always: bool) -> Value:
        text = token.text
        if token.sort == "string" and not always:
            return text
        number = number_of(text)
        if number is not None:
            return number
        if _DATE.fullmatch(text) is None:
            return text
        if len(text) > 16 and _ZONE.search(text):
            raise self._bad("times are compared as they are written; leave out the time zone", token)
        try:
            return Period(text=text)
        except ValueError:
            return text

    def _checked(self, token: _Token, kind: Callable[..., Condition], **values: Any) -> Condition:
        """Make a condition; what it refuses is told at the token."""
        try:
            return kind(**values)
        except ValueError as error:
            raise self._bad(str(error), token) from None

    def _name(self, expected: str) -> _Token:
        """Take a bare word or a quoted text."""
        token = self._token
        if token.sort not in ("word", "string"):
            found = "the filter ends" if token.sort == "end" else f"found {token.text!r}"
            raise self._bad(f"expected {expected} here, but {found}")
        if token.sort == "word" and token.text.lower() in _KEYWORDS:
            raise self._bad(f"expected {expected} here; put {token.text!r} into quotation marks to mean it")
        return self._take()

    def _take(self) -> _Token:
        """Return the token at hand and go on to the next."""
        taken = self._token
        self._token = self._next(self._end)
        return taken

    def _next(self, start: int) -> _Token:
        found = _TOKEN.match(self._text, start)
        if found is None or found.lastgroup is None:
            at = len(self._text) - len(self._text[start:].lstrip())
            unclosed = self._text[at] in "\"'"
            reason = "this quotation mark is never closed" if unclosed else "this sign means nothing here"
            raise BadFilter(self._text, at, reason)
        self._end = found.end()
        sort = found.lastgroup
        text = found[sort]
        at = found.start(sort)
        if sort == "string":
            text = _ESCAPE.sub(r"\1", text[1:-1])
        return _Token(sort=sort, text=text, at=at)

    def _bad(self, reason: str, token: _Token | None = None) -> BadFilter:
        return BadFilter(self._text, (token or self._token).at, reason)
