"""Finding items by the words in their title, text, tags, attributes and file name.

Words are compared without case and accents; signs such as ``-`` and ``/`` part a word into pieces that must
stand side by side, so that the article number ``AB-1234/X`` is found exactly.
"""

from __future__ import annotations

from indexer import Collection, Ids

_MOST_WORDS = 32  # more say nothing new, and each costs a look into the index


def keyword_search(
    collection: Collection, text: str, limit: int, *, allowed: Ids | None = None
) -> list[tuple[int, float]]:
    """Find the items that hold all words, the last of which may be unfinished; if there are none, any.

    Args:
        collection: what is searched.
        text: anything; it has no syntax.
        limit: how many items at most, at least 0.
        allowed: (m,) int64, the only ids to consider; None for all.

    Returns:
        (id, score) of each item, best first, ties by id. The score is BM25, above 0 and higher for better;
        it is comparable within one answer only.

    Raises:
        ValueError: the limit is negative.
    """
    if limit < 0:
        raise ValueError(f"the limit must be at least 0, not {limit}")
    words = _words(text)
    for every in (True, False) if len(words) > 1 else (True,):
        ids, scores = collection.store.match_words(words, limit, every=every, allowed=allowed)
        if len(ids):
            return list(zip(ids.tolist(), scores.tolist(), strict=True))
    return []


def _words(text: str) -> list[str]:
    """Split at blanks; what holds no letter or digit cannot be found, and repeats say nothing new."""
    printable = "".join(char for char in text if char != "\0" and not 0xD800 <= ord(char) <= 0xDFFF)
    words = [word for word in printable.split() if any(char.isalnum() for char in word)]
    return list(dict.fromkeys(words))[:_MOST_WORDS]
