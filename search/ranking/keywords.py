"""Finding items by the words in their title, text, tags, attributes and file name.

Words are compared without case and accents; signs such as ``-`` and ``/`` part a word into pieces that must
stand side by side, so that the article number ``AB-1234/X`` is found exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer import Collection, Embeddings, Ids

from ..query.paraphrase import bare_name, singular

_STOP_WORDS = frozenset({
    "a", "an", "the", "of", "in", "on", "with", "and", "or", "at", "for", "from",
    "to", "by", "is", "are", "some",
})  # fmt: skip
_MOST_WORDS = 32  # more say nothing new, and each costs a look into the index


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordMatches:
    """Items found by words.

    Attributes:
        ids: (n,) int64, best first, ties by id.
        scores: (n,) float32 BM25, above 0 and higher for better; comparable within one answer only.
        every: these items hold all words, not just any.
    """

    ids: Ids
    scores: Embeddings
    every: bool


def keyword_search(
    collection: Collection, text: str, limit: int, *, allowed: Ids | None = None
) -> list[tuple[int, float]]:
    """Find items by words; see ``find_words``.

    Returns:
        (id, score) of each item, best first, ties by id.
    """
    found = find_words(collection, text, limit, allowed=allowed)
    return list(zip(found.ids.tolist(), found.scores.tolist(), strict=True))


def find_words(collection: Collection, text: str, limit: int, *, allowed: Ids | None = None) -> WordMatches:
    """Find the items that hold all words, the last of which may be unfinished; if there are none, any.

    Args:
        collection: what is searched.
        text: anything; it has no syntax.
        limit: how many items at most, at least 0.
        allowed: (m,) int64, the only ids to consider; None for all.

    Raises:
        ValueError: the limit is negative.
    """
    if limit < 0:
        raise ValueError(f"the limit must be at least 0, not {limit}")
    words = _words(text)
    for every in (True, False) if len(words) > 1 else (True,):
        ids, scores = collection.store.match_words(words, limit, every=every, allowed=allowed)
        if len(ids):
            return WordMatches(ids=ids, scores=scores, every=every)
    return WordMatches(ids=np.empty(0, np.int64), scores=np.empty(0, np.float32), every=False)


def _words(text: str) -> list[str]:
    """Split at blanks; what holds no letter or digit cannot be found, and repeats say nothing new.

    Articles and prepositions are left out where other words are left: "an elephant" must not find whatever
    text holds an "an". Only the last word may be unfinished, so it stays the last, even if it stands before
    as a whole word too; a plural is sought as the beginning that it shares with its singular.
    """
    printable = "".join(char for char in text if char != "\0" and not 0xD800 <= ord(char) <= 0xDFFF)
    words = [word for word in bare_name(printable).split() if any(char.isalnum() for char in word)]
    words = [word for word in words if word.lower() not in _STOP_WORDS] or words
    if words and words[-1].lower().startswith(single := singular(words[-1].lower())):
        words[-1] = words[-1][: len(single)]
    return [*list(dict.fromkeys(words[:-1]))[: _MOST_WORDS - 1], *words[-1:]]
