"""Prompts within the length that a model reads."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

_NO_LIMIT = 100_000  # tokenizers without one give a number beyond any text


class Wording:
    """Measures and cuts prompts by the tokenizer that reads most of them.

    Attributes:
        limit: tokens that are read of a prompt, marks of its start and end included; None if unlimited.
    """

    def __init__(self, pipeline: Any) -> None:
        names = ("tokenizer", "tokenizer_2", "tokenizer_3")
        found = [tokenizer for name in names if (tokenizer := getattr(pipeline, name, None)) is not None]
        limits = [tokenizer.model_max_length for tokenizer in found]
        limits = [limit for limit in limits if limit < _NO_LIMIT]
        self.limit: int | None = max(limits, default=None)
        self._tokenizer = next((each for each in found if each.model_max_length == self.limit), None)

    def cut(self, prompt: str) -> str:
        """Leave away the last words of a prompt that the model would not read."""
        if self.limit is None or self._fits(prompt):
            return prompt
        words = prompt.split()
        # More words are never fewer tokens; so the longest beginning that fits can be halved for.
        count = bisect_right(range(1, len(words) + 1), 0, key=lambda n: not self._fits(" ".join(words[:n])))
        return " ".join(words[:count])

    def _fits(self, prompt: str) -> bool:
        tokens = self._tokenizer(prompt, truncation=False, verbose=False).input_ids if self._tokenizer else []
        return self.limit is None or len(tokens) <= self.limit
