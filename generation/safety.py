"""What is not made: prompts and pictures are held against words, names and concepts.

Concepts are told by meaning, zero-shot, with the collection's own encoder: a prompt or a picture is blocked
if it lies nearer to a concept's phrases than to harmless ones (contrast.py). For prompts, what a shop sells
stands among the harmless phrases, for many a ware is named by a grave word: a plaster is for a wound. Words
that have a harmless meaning too ("nude" is also a colour) count only where meaning does not clear them. This
is a safeguard against accidents, not against people who try: what it lets through and what it blocks in vain
was measured (docs/safety-and-rights.md).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from indexer import Embeddings, Encoder, Kind
from search import PHRASES, Calibration, EmbeddedQuery

from .contrast import Contrast, Spread
from .errors import BadRequest, Blocked
from .shipped_banks import read_lists, read_phrases

POLICY_FILE = "safety.json"
"""In a collection's folder: what its owner changed of the policy."""

_UNCLEAR = "?"  # ends words that have a harmless meaning too
_ASKED, _CLEAR = 0.0, -0.14  # scores from which a prompt asks for a concept; below which no word is unclear
_MOST_EMBEDDED = 8  # lists of phrases, of a few hundred
_embedded: dict[tuple[str, tuple[str, ...]], Embeddings] = {}
_PLAIN = (
    *("person", "man", "woman", "child", "face", "hand", "clothes", "underwear", "swimsuit", "sculpture"),
    *("animal", "food", "plant", "vehicle", "building", "room", "street", "landscape", "sky", "water"),
    *("tool", "toy", "shoe", "bag", "furniture", "machine", "pattern", "drawing", "text on paper", "flag"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """Something that must not be shown.

    Attributes:
        name: what to call it in a reason.
        phrases: descriptions of pictures that show it, at least one.
        asked: further ways to ask for it; of prompts alone.
    """

    name: str
    phrases: tuple[str, ...]
    asked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.phrases or not all(phrase.strip() for phrase in self.phrases):
            raise BadRequest(f"the blocked concept {self.name!r}", "a name and at least one phrase")


@lru_cache(maxsize=1)
def _shipped_concepts() -> tuple[Concept, ...]:
    asked = dict(read_lists("asked.txt"))
    return tuple(
        Concept(name=name, phrases=phrases, asked=asked.get(name, ()))
        for name, phrases in read_lists("concepts.txt")
    )


@lru_cache(maxsize=1)
def _shipped_words() -> Mapping[str, str]:
    return MappingProxyType({word: reason for reason, words in read_lists("words.txt") for word in words})


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyPolicy:
    """What is not made.

    Attributes:
        concepts: told by meaning, in prompts and in pictures.
        words: told by the letter in prompts: each word, or several in a row, with its reason. One that ends
            in a question mark has a harmless meaning too: it counts where the meaning does not clear it.
        names: people, artists, brands that prompts must not ask to imitate; by the letter.
        margin: by how much a concept must fit a picture better than any harmless phrase, and a prompt where
            the concepts' phrases are too few to learn from: in standard deviations of scores where the
            encoder is calibrated.
    """

    concepts: tuple[Concept, ...] = field(default_factory=_shipped_concepts)
    words: Mapping[str, str] = field(default_factory=_shipped_words)
    names: tuple[str, ...] = ()
    margin: float = 0.3

    def __post_init__(self) -> None:
        if not (np.isfinite(self.margin) and self.margin >= 0):
            raise BadRequest(f"a safety margin of {self.margin}", "a number of at least 0")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what a collection's owner changed, from ``safety.json`` in its folder; else the defaults.

        The file is an object with any of ``concepts`` (object of arrays of phrases), ``words`` (object of
        reasons), ``names`` (array) and ``margin``; what it names takes the place of the default.

        Raises:
            BadRequest: the file is there, but cannot be read or understood: nothing is made then.
        """
        path = folder / POLICY_FILE
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise BadRequest(f"the safety policy in {path} ({error})", "a readable JSON file") from error
        try:
            return cls(**_changes(told))
        except (TypeError, ValueError, AttributeError) as error:
            expected = "an object with 'concepts', 'words', 'names' or 'margin' (docs/safety-and-rights.md)"
            raise BadRequest(f"the safety policy in {path} ({error})", expected) from error

    def check_words(self, text: str, *, is_clear: Callable[[], bool] = lambda: False) -> None:
        """Hold a prompt against the words and names; case, accents and punctuation do not matter.

        Args:
            text: the prompt.
            is_clear: asked, for a word with a harmless meaning, whether the prompt as a whole is harmless.

        Raises:
            Blocked: it holds one.
        """
        plain = _plain(text)
        for word, reason in self.words.items():
            if _holds(plain, word) and not (word.endswith(_UNCLEAR) and is_clear()):
                shown = word.removesuffix(_UNCLEAR)
                raise Blocked(f"the prompt {text!r}", f"it asks for {reason} (by the word {shown!r})")
        for name in self.names:
            if _holds(plain, name):
                raise Blocked(f"the prompt {text!r}", f"{name!r} stands on the list of what not to imitate")


class Guard:
    """A policy in the space of one encoder.

    Args:
        policy: what is not made.
        encoder: of the collection.
        calibration: its calibration, whose bank of phrases is the contrast; None for a small bank.
    """

    def __init__(self, policy: SafetyPolicy, encoder: Encoder, calibration: Calibration | None) -> None:
        self._policy = policy
        self._encoder = encoder
        self._contrasts: dict[Kind, Contrast] = {}
        shown = [(concept.name, phrase) for concept in policy.concepts for phrase in concept.phrases]
        if not shown:
            return
        asked = [(concept.name, phrase) for concept in policy.concepts for phrase in concept.asked]
        names = tuple(name for name, _ in shown + asked)
        concepts = _encoded(encoder, tuple(phrase for _, phrase in shown + asked))
        bank = calibration.bank if calibration is not None else None
        harmless = bank.phrases[: len(PHRASES)] if bank is not None else _encoded(encoder, _PLAIN)
        wares = _encoded(encoder, read_phrases("products.txt"))
        spreads: dict[Kind, Spread] = (
            {kind: null.spread for kind, null in bank.nulls.items()} if bank is not None else {}
        )
        self._contrasts["image"] = Contrast(
            names[: len(shown)], concepts[: len(shown)], harmless, spreads.get("image")
        )
        self._contrasts["text"] = Contrast(
            names, concepts, np.concatenate([harmless, wares]), spreads.get("text")
        )

    def check_asked(self, embedded: EmbeddedQuery, prompt: str) -> None:
        """Hold what is asked with against the policy: the prompt by its words, each term by its meaning.

        Args:
            embedded: the query.
            prompt: the whole of what the generator is to be told.

        Raises:
            Blocked: it asks for what is not made.
        """
        self._policy.check_words(prompt, is_clear=lambda: self._is_clear(prompt))
        for part in embedded.parts:
            concept = self._concept(part.kind, part.embedding) if part.weight > 0 else None
            if concept and part.kind == "image":
                raise Blocked(f"the picture {part.label!r}", f"it seems to show {concept}")
            if concept:
                raise Blocked(f"the prompt {part.label!r}", f"it seems to ask for {concept}")

    def check_picture(self, row: Embeddings) -> str | None:
        """Hold a picture (dim,) against the concepts; give the reason if it is blocked."""
        concept = self._concept("image", row)
        return f"it seems to show {concept}" if concept else None

    def _is_clear(self, prompt: str) -> bool:
        """Say whether a prompt's meaning is clearly harmless."""
        contrast = self._contrasts.get("text")
        if contrast is None or not contrast.is_learned:
            return False
        return contrast.score(self._encoder.encode_texts([prompt])[0]) < _CLEAR

    def _concept(self, kind: Kind, row: Embeddings) -> str | None:
        contrast = self._contrasts.get(kind)
        if contrast is None:
            return None
        lead, name = contrast.nearest(row)
        if kind == "text" and contrast.is_learned:
            return name if contrast.score(row) >= _ASKED else None
        return name if lead >= self._policy.margin else None


def _encoded(encoder: Encoder, phrases: tuple[str, ...]) -> Embeddings:
    """Embed phrases, or give what the same weights made of them last: a server makes a guard a request."""
    key = (encoder.spec.weights_sha256, phrases)
    if key not in _embedded:
        if len(_embedded) >= _MOST_EMBEDDED:
            _embedded.clear()
        _embedded[key] = encoder.encode_texts(phrases)
    return _embedded[key]


def _changes(told: Any) -> dict[str, Any]:
    """Turn the JSON object of a policy file into arguments.

    Raises:
        ValueError: it names something else, or in another form.
    """
    unknown = set(told.keys()) - {"concepts", "words", "names", "margin"}
    if unknown:
        raise ValueError(f"it does not know {sorted(unknown)[0]!r}")
    found: dict[str, Any] = dict(told)
    if "concepts" in found:
        pairs = found["concepts"].items()
        found["concepts"] = tuple(Concept(name=name, phrases=_texts(phrases)) for name, phrases in pairs)
    if "words" in found:
        _texts([*found["words"].keys(), *found["words"].values()])
    if "names" in found:
        found["names"] = _texts(found["names"])
    return found


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(each, str) and each.strip() for each in values):
        raise ValueError(f"{values!r} is not an array of texts")
    return tuple(values)


def _plain(text: str) -> str:
    """Bring a text to lower case without accents and punctuation, a space around each word."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = re.findall(r"[^\W_]+", bare.casefold())
    return f" {' '.join(words)} "


def _holds(plain: str, word: str) -> bool:
    wanted = _plain(word)
    return bool(wanted.strip()) and wanted in plain
