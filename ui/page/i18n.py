"""What the page says, in the language of whoever reads it; English is both the default and the key.

``tr("Searching")`` gives the text of today's reader. Values go in by name, so that a translation may put them
elsewhere: ``tr("{count:,} of {total:,} items", count=3, total=20)``. A text that is kept as a constant is
marked where it stands, and translated where it is shown::

    _HELP = later("Describe what you look for.")
    st.caption(tr(_HELP))

A catalogue is a JSON file in ``ui/page/locales``, named like its language: English text -> translation. What
it lacks is shown in English. A test holds each catalogue against the texts in the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from string import Formatter
from types import MappingProxyType

ENGLISH = "en"
LANGUAGES = MappingProxyType({ENGLISH: "English", "zh": "简体中文"})
"""The languages of the page by their codes, each called as its speakers do."""
_FOLDER = Path(__file__).with_name("locales")
_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)


class _Reader:
    """Knows how to find out who reads; the page says how, everything else speaks English."""

    language: Callable[[], str] = staticmethod(lambda: ENGLISH)


def tr(text: str, /, **values: object) -> str:
    """Say something in the language of the reader.

    Args:
        text: in English, with the values' names in braces (``str.format``); a literal, or marked by `later`.
        values: what goes into the braces.

    Returns:
        The translation with its values, or the English text where there is none.
    """
    said = catalogue(language()).get(text, text)
    return said.format(**values) if values else said


def tr_n(one: str, many: str, count: int, /, **values: object) -> str:
    """Say something about a number of things, which it may name as ``{count}``.

    Args:
        one: the English text for exactly one.
        many: the English text for any other number; the key for languages that make no difference.
        count: how many.
        values: what else goes into the braces.
    """
    singular = one if count == 1 and (language() == ENGLISH or one in catalogue(language())) else many
    return tr(singular, count=count, **values)


def retold(sentence: str) -> str:
    """Say a finished English sentence of a lower package in the language of the reader.

    Only the page knows languages; what lies below speaks English, with its values in place. The catalogue of
    such sentences (``<code>.below.json``) has their patterns, with ``{names}`` for the values; what a value
    says is retold, too. A sentence that fits none stays as it is.
    """
    for pattern, translation in _patterns(language()):
        if found := pattern.fullmatch(sentence):
            return translation.format(**{name: retold(value) for name, value in found.groupdict().items()})
    return sentence


@cache
def _patterns(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Make the patterns of a language, those with most fixed letters first."""
    known = sorted(_read(f"{code}.below").items(), key=lambda pair: -len(re.sub(r"{.*?}", "", pair[0])))
    return tuple((re.compile(_pattern(text), re.DOTALL), said) for text, said in known)


def _pattern(text: str) -> str:
    parts = Formatter().parse(text)
    return "".join(re.escape(fixed) + (f"(?P<{name}>.+)" if name else "") for fixed, name, _, _ in parts)


def later(text: str) -> str:
    """Mark a text that is translated only where it is shown; give it back as it is."""
    return text


def language() -> str:
    """Tell the code of the language in which `tr` answers now."""
    return _spoken.get() or _Reader.language()


def language_for(locale: str | None) -> str:
    """Choose the language for a browser's locale such as ``zh-CN``; English where it is not spoken here."""
    code = (locale or "").replace("_", "-").partition("-")[0].lower()
    return code if code in LANGUAGES else ENGLISH


def ask_for_language_by(find_out: Callable[[], str]) -> None:
    """Say how to find out the language of who reads; the page does, once, with its first import."""
    _Reader.language = staticmethod(find_out)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak this language inside the ``with`` block, whoever reads."""
    token = _spoken.set(code)
    try:
        yield
    finally:
        _spoken.reset(token)


@cache
def catalogue(code: str) -> MappingProxyType[str, str]:
    """Read the texts of a language: English -> translation; empty for English and for one without a file."""
    return _read(code)


def _read(name: str) -> MappingProxyType[str, str]:
    path = _FOLDER / f"{name}.json"
    if name.partition(".")[0] not in LANGUAGES or not path.is_file():
        return MappingProxyType({})
    return MappingProxyType(json.loads(path.read_text(encoding="utf-8")))
