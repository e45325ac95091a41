"""Writing the prompt: the query in the words that pictures of its kind are described with.

A prompt is made of parts, the most important first: what is sought, the look that the nearest misses share,
and what the kind of picture asks for. Where the generator's text tower has no room for all, the last ones go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from indexer import Item
from search import Like, Query, Words

from ..errors import BadRequest

PromptKind = Literal["product", "photo", "illustration"]
"""What kind of picture is asked for."""

PROMPT_KINDS: tuple[PromptKind, ...] = get_args(PromptKind)

_LEAD: Mapping[PromptKind, str] = {
    "product": "product photo of {}",
    "photo": "photo of {}",
    "illustration": "illustration of {}",
}
_MANNER: Mapping[PromptKind, tuple[str, ...]] = {
    "product": ("whole and centred", "plain white background", "soft studio light"),
    "photo": ("natural light", "sharp focus"),
    "illustration": ("clear shapes", "plain background"),
}
_AVOID: Mapping[PromptKind, tuple[str, ...]] = {
    "product": ("text", "watermark", "people", "cluttered background", "cut off", "blurred"),
    "photo": ("text", "watermark", "frame", "blurred", "distorted"),
    "illustration": ("text", "watermark", "frame", "photo"),
}
_DRAWN = frozenset(
    ("cartoon", "clipart", "comic", "drawing", "illustration", "painting", "sketch", "watercolour")
)

# Fields that tell of a look. Others name the thing itself, its colour or its maker: what a near miss has
# there is what makes it a miss.
_STYLE_FIELDS = frozenset(
    ("background", "genre", "lighting", "look", "medium", "mood", "occasion", "season", "style", "usage")
)
_SIDE, _WHITE, _MOSTLY = 32, 235, 0.6  # grid, grey value from which it is white, share of the border

_VOWELS = frozenset("aeiouy")  # letters without any are an abbreviation, which has a token for each

_SHARED = 0.5  # of the nearest misses must agree on a word of style
_MOST_STYLE = 3
_LONGEST_STYLE = 3  # words


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a generator is told.

    Attributes:
        text: what to make; empty if the query has no words.
        negative: what to avoid.
        kind: the template that was used.
        style: words that were added from the collection.
        left_out: parts for which the generator's text tower had no room.
    """

    text: str
    negative: str
    kind: PromptKind
    style: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a query asks for, in words.

    Attributes:
        sought: its positive words and the titles of the items that it names, weightiest first; may be empty.
        avoided: its negative ones.
    """

    sought: str
    avoided: tuple[str, ...]


def subject_of(query: Query, titles: Mapping[int, str]) -> Subject:
    """Put a query's terms into words; pictures and embeddings have none.

    Args:
        query: what is sought.
        titles: of the items that it names, by id.
    """
    worded = []
    for term in query.terms:
        text = term.text if isinstance(term, Words) else ""
        if isinstance(term, Like) and term.region is None:
            text = titles.get(term.item_id, "")
        if text := " ".join(text.split()):
            worded.append((term.weight, text))
    worded.sort(key=lambda pair: -abs(pair[0]))  # stable: equal weights as they were written
    sought = dict.fromkeys(text for weight, text in worded if weight > 0)
    avoided = dict.fromkeys(text for weight, text in worded if weight < 0)
    return Subject(sought=", ".join(sought), avoided=tuple(avoided))


def style_words(items: Sequence[Item]) -> tuple[str, ...]:
    """Find the words of style that most of some items share.

    Only fields that tell of a look count, such as ``usage`` or ``style``.

    Args:
        items: the nearest misses.

    Returns:
        At most three values, the most frequent first, equal ones in alphabetical order.
    """
    counted: Counter[str] = Counter()
    for item in items:
        values = {
            value.strip().lower()
            for name, value in item.attributes.items()
            if name.lower() in _STYLE_FIELDS and isinstance(value, str)
        }
        counted.update(value for value in values if 1 <= len(value.split()) <= _LONGEST_STYLE)
    least = max(2, _SHARED * len(items))
    shared = sorted((-count, value) for value, count in counted.items() if count >= least)
    return tuple(value for _, value in shared[:_MOST_STYLE])


def choose_kind(subject: Subject, pictures: Sequence[Image.Image]) -> PromptKind:
    """Choose the kind of picture that a query asks for, or else that the collection holds.

    A picture whose border is white is a product shot: so are 98 % of fashion-dev, and 0.4 % of flickr8k-dev.

    Args:
        subject: what is sought; words such as *drawing* ask for an illustration.
        pictures: of the nearest misses, thumbnails will do.
    """
    if not _DRAWN.isdisjoint(_words(subject.sought)):
        return "illustration"
    cut_out = sum(_white_border(picture) for picture in pictures)
    return "product" if cut_out > len(pictures) / 2 else "photo"


def _white_border(picture: Image.Image) -> bool:
    grey = np.asarray(picture.convert("L").resize((_SIDE, _SIDE)))
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    return float((border >= _WHITE).mean()) > _MOSTLY


def write_prompt(
    subject: Subject,
    kind: PromptKind,
    *,
    style: Sequence[str] = (),
    avoid: str = "",
    limit: int | None = None,
    count: Callable[[str], int] | None = None,
) -> Prompt:
    """Write the prompt for a subject.

    Args:
        subject: what is sought.
        kind: of picture.
        style: words to add, such as those of ``style_words``; those that the subject says already are not.
        avoid: more to avoid, in words.
        limit: tokens that the generator's text tower takes; None for any number.
        count: counts the tokens of a text; ``estimated_tokens`` by default.

    Raises:
        BadRequest: there is no room even for the first word of the subject.
    """
    count = count or estimated_tokens
    said = _words(subject.sought)
    added = tuple(word for word in style if not _words(word) <= said)
    lead = " ".join(_LEAD[kind].format(subject.sought).split()) if subject.sought else ""
    head = _shortened(lead, limit, count)
    cut = (lead[len(head) :].strip(),) if head != lead else ()
    rest = (*added, *_MANNER[kind])
    kept, left_out = ([head], rest) if cut else _fitting([head, *rest], limit, count)
    usual = [word for word in _AVOID[kind] if not _words(word) <= said]
    negative, _ = _fitting(list(dict.fromkeys([*subject.avoided, avoid.strip(), *usual])), limit, count)
    return Prompt(
        text=", ".join(kept),
        negative=", ".join(negative),
        kind=kind,
        style=tuple(word for word in added if word in kept),
        left_out=(*cut, *left_out),
    )


def estimated_tokens(text: str) -> int:
    """Estimate how many tokens CLIP's tokenizer makes of a text, rather too many than too few.

    Its byte-pair encoding (Sennrich et al. 2016) has a token for each usual word, cuts unusual ones into
    pieces of a few letters, and gives each digit one of its own. Two more mark start and end. On 8,000
    captions, titles and names of things the estimate is never too low, and half as high again on average.
    """
    total = 2
    for piece in re.findall(r"[^\W\d_]+|\d|[^\w\s]+|_+", text.lower()):
        plain = piece.isascii() and not _VOWELS.isdisjoint(piece)
        total += -(-len(piece) // 3) if plain else len(piece.encode())
    return total


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _fitting(
    parts: Sequence[str], limit: int | None, count: Callable[[str], int]
) -> tuple[list[str], tuple[str, ...]]:
    """Keep parts from the first one on, as long as there is room; give the others too."""
    kept: list[str] = []
    wanted = [part for part in parts if part]
    for place, part in enumerate(wanted):
        if limit is not None and count(", ".join([*kept, part])) > limit:
            return kept, tuple(wanted[place:])
        kept.append(part)
    return kept, ()


def _shortened(text: str, limit: int | None, count: Callable[[str], int]) -> str:
    """Cut words off the end until there is room."""
    if limit is None:
        return text
    words = text.split()
    while words and count(" ".join(words)) > limit:
        words.pop()
    if text and not words:
        raise BadRequest(f"the word {text.split()[0]!r}", f"one of at most {limit} tokens")
    return " ".join(words)
