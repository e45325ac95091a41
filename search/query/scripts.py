"""Which writing systems a text uses, and whether a model reads them."""

from __future__ import annotations

import unicodedata
from collections import Counter

from indexer import ZOO

_FOREIGN_SHARE = 0.2  # of the letters: one Greek letter in an English text is no matter
_SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
_MANY = "many"


def scripts(text: str) -> Counter[str]:
    """Count a text's letters by writing system.

    Args:
        text: any; wide, circled and mathematical forms of letters count as the letters they stand for.

    Returns:
        By name: ``Latin``, ``Cyrillic``, ``Greek``, ``Arabic``, ``Hebrew``, ``Devanagari``, ``Thai``,
        ``Chinese``, ``Japanese``, ``Korean``, ...
    """
    letters = (letter for letter in unicodedata.normalize("NFKC", text) if letter.isalpha())
    first_words = Counter(unicodedata.name(letter, "UNKNOWN").split()[0] for letter in letters)
    found: Counter[str] = Counter()
    for word, count in first_words.items():
        found[_SCRIPTS.get(word, word.capitalize())] += count
    return found


def script_warning(text: str, model: str) -> str | None:
    """Warn of a text in a writing system that a model does not read.

    A language cannot be told by its letters: German words pass for English ones.

    Args:
        text: of a query.
        model: name of the encoder; of those that the zoo does not list, nothing is known.

    Returns:
        A sentence or two to show; None if there is nothing to warn of.
    """
    languages = next((known.languages for known in ZOO if known.name == model), _MANY)
    if languages == _MANY:
        return None
    found = scripts(text)
    foreign = found.total() - found["Latin"]
    if foreign <= _FOREIGN_SHARE * found.total():
        return None
    script = next(name for name, _ in found.most_common() if name != "Latin")
    readers = [known.name for known in ZOO if known.languages == _MANY]
    return (
        f"The model {model} reads {languages} only; results for {text!r}, in {script} letters, are guesses. "
        f"Use {languages} words, or index with a model that reads many languages: --model {readers[0]}"
    )
