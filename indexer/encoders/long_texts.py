"""Texts that exceed what a text tower reads: split, embedded in pieces, averaged.

A text tower has a fixed context (77 tokens in CLIP, 128 in the starter); what exceeds it is cut off and never
read. A text that fits is embedded exactly as by the encoder alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from ..items import Embeddings
from .base import Encoder

LONGEST_TEXT = 50_000
"""Characters of a text that count; some hundred pieces, which take about a second."""

_BORDERS = (
    re.compile(r"\n\s*\n\s*"),  # of paragraphs
    re.compile(r"(?<=[.!?\u2026])\s+|(?<=[\u3002\uff01\uff1f])|\n\s*"),  # of sentences, Chinese ones too
    re.compile(r"(?<=[,;:])\s+"),  # of clauses
    re.compile(r"\s+"),  # of words
)
_MIDDLE = 0.25  # how far from the middle a border may be, as a part of the text


@runtime_checkable
class LimitedContext(Protocol):
    """An encoder that can tell which texts it would cut off."""

    def exceeds_context(self, texts: Sequence[str]) -> list[bool]:
        """Say of each text whether it is longer than the text tower reads."""
        ...


def encode_whole_texts(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    """Embed texts of any length.

    A text that exceeds the encoder's context is split at the borders of paragraphs, sentences or words, and
    gets the mean of the pieces' embeddings, brought to length 1.

    Args:
        encoder: one that says what exceeds its context (``LimitedContext``); any other is taken to read
            all of a text.
        texts: any strings; of each, the first ``LONGEST_TEXT`` characters count.

    Returns:
        (n, dim) float32, rows of length 1, in the order given; (0, dim) for none.
    """
    if not isinstance(encoder, LimitedContext):
        return encoder.encode_texts(texts)
    split = [split_text(text[:LONGEST_TEXT], encoder.exceeds_context) for text in texts]
    rows = encoder.encode_texts([piece for pieces in split for piece in pieces])
    ends = np.cumsum([len(pieces) for pieces in split])
    pooled = [_mean(rows[end - len(pieces) : end]) for pieces, end in zip(split, ends, strict=True)]
    return np.stack(pooled) if pooled else rows


def split_text(text: str, exceeds: Callable[[Sequence[str]], list[bool]]) -> list[str]:
    """Split a text in halves, and these again, until none exceeds the context.

    Args:
        text: any.
        exceeds: says of each text whether it is too long.

    Returns:
        The pieces in order, without the white space between them; the text itself if it is short.
    """
    fitting: list[str] = []
    waiting = [text]  # the next one last
    while waiting:
        piece = waiting.pop()
        [too_long] = exceeds([piece])
        halves = _halves(piece) if too_long else ()
        if halves:
            waiting += reversed(halves)
        else:
            fitting.append(piece)
    return fitting


def _halves(text: str) -> tuple[str, ...]:
    """Split at the best border near the middle; nothing if one character is left."""
    text = text.strip()
    middle, reach = len(text) / 2, len(text) * _MIDDLE
    for border, within in [*((border, reach) for border in _BORDERS), (_BORDERS[-1], middle)]:
        near = [match for match in border.finditer(text) if abs(match.start() - middle) <= within]
        if near:  # at last any border of words will do: a word is cut only where it stands alone
            best = min(near, key=lambda match: abs(match.start() - middle))
            return text[: best.start()], text[best.end() :]
    cut = len(text) // 2
    return (text[:cut], text[cut:]) if cut else ()


def _mean(rows: Embeddings) -> Embeddings:
    """Average rows (n, dim), bring the mean to length 1; opposite rows have no mean: then the first."""
    mean = rows.mean(axis=0)
    length = float(np.linalg.norm(mean))
    alone = len(rows) == 1 or length < 1e-6
    unit: Embeddings = rows[0] if alone else (mean / length).astype(np.float32)
    return unit
