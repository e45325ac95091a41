"""Query completion by a small GPT that was trained on the collection's own titles and captions.

The model (Radford et al. 2019, in a few million numbers) and its byte-level BPE tokenizer (Sennrich et al.
2016) lie beside the collection; ``train`` makes them. Importing this module is quick; torch, transformers
and tokenizers are imported when a completer is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gpt import load

SPACE = "Ġ"  # how byte-level BPE writes the space before a word

LONGEST = 12  # words of a completion: enough for a query, too few to give a private text away
_WIDTH = 12  # hypotheses that are followed at a time
_TOKENS = 24  # steps of the search at most; twelve words are rarely more
_CONTEXT_WORDS = 8  # of the prefix that the model looks at; titles and queries are short
_ENOUGH = 4  # completions that ended by themselves; with fewer, those cut at the twelfth word help out
_ENDINGS = " .,;:!?"  # a sentence ends with them, a query does not
_LENGTH_POWER = 0.8  # 0 would favour the shortest completion, 1 the one whose every word is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A way to go on.

    Attributes:
        text: the whole query, from its first word on; at most 12 words.
        log_likelihood: natural logarithm of the probability that the model gives to what was added,
            divided by the number of added tokens to the power of 0.8; higher is likelier.
    """

    text: str
    log_likelihood: float


def normalised(text: str) -> str:
    """Bring a text to the form that the model knows: lower case, single spaces."""
    return " ".join(text.lower().split())


class Completer:
    """Completes queries. Safe to use from several threads.

    Args:
        model: a GPT2LMHeadModel.
        tokenizer: a ``tokenizers.Tokenizer``, byte-level, with ``END`` as token 0.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        self._tokens = [token for token, _ in sorted(vocabulary.items(), key=lambda entry: entry[1])]
        self._starts_word = np.array([token.startswith(SPACE) for token in self._tokens])

    @classmethod
    def load(cls, folder: Path) -> Completer:
        """Load the completer of a collection.

        Args:
            folder: the collection's folder.

        Raises:
            CompleterUnavailable: none was trained, or its files are damaged.
        """
        return cls(*load(folder))

    def complete(self, prefix: str, n: int = 8) -> list[Completion]:
        """Complete a query, also in the middle of a word.

        Args:
            prefix: what was typed; with a space at its end, its last word is whole.
            n: how many completions, at most 12.

        Returns:
            At most n different ones, all longer than the prefix, likeliest first.
        """
        words = normalised(prefix).split(" ") if prefix.strip() else []
        unfinished = words.pop() if words and not prefix[-1:].isspace() else ""
        if len(words) >= LONGEST:
            return []
        found = self._search(words, unfinished)
        given = " ".join([*words, unfinished]).strip()
        best: dict[str, float] = {}
        for written, likelihood in found:
            text = written.rstrip(_ENDINGS)
            if text.startswith(given) and text != given and likelihood > best.get(text, -np.inf):
                best[text] = likelihood
        ranked = sorted(best.items(), key=lambda entry: (-entry[1], entry[0]))[:n]
        return [Completion(text=text, log_likelihood=round(value, 4)) for text, value in ranked]

    def enrich(self, prompt: str, n: int = 4) -> list[str]:
        """Propose richer prompts for a generator: the prompt, going on with what such texts go on with.

        Args:
            prompt: a thing, such as ``teal armchair``.
            n: how many.

        Returns:
            At most n prompts of at most 12 words, likeliest first; none if the model knows no more.
        """
        return [completion.text for completion in self.complete(f"{prompt.strip()} ", _WIDTH)][:n]

    def _search(self, words: Sequence[str], unfinished: str) -> list[tuple[str, float]]:
        """Follow the likeliest hypotheses (beam search), each bound to begin with the unfinished word.

        Half a word is rarely a token of its own, so its tokens are not given to the model: any token may
        come that begins what is left of it or goes on from it.
        """
        ids = self._tokenizer.encode(" ".join(words[-_CONTEXT_WORDS:])).ids
        start = [0, *ids[-(self._model.config.n_positions - _TOKENS - 1) :]]  # what comes needs places too
        required = _byte_level(unfinished) if unfinished else SPACE
        room = LONGEST - len(words)
        with self._lock:
            done = self._follow(start, required, room)
        lead = " ".join(words)
        return [(f"{lead} {_words(beam.within(room))}".strip(), beam.weighed) for beam in done]

    def _follow(self, start: Sequence[int], required: str, room: int) -> list[_Beam]:
        """Give the hypotheses that came to their end, or to the end of the room."""
        import torch

        beams, done = [_Beam()], list[_Beam]()
        inputs, cache = torch.tensor([start]), None
        with torch.inference_mode():
            for _ in range(_TOKENS):
                output = self._model(
                    input_ids=inputs, past_key_values=cache, use_cache=True, logits_to_keep=1
                )
                likelihoods = torch.log_softmax(output.logits[:, -1].double(), dim=-1).numpy()
                found = self._extend(beams, likelihoods, required)
                done += [beam for beam in found if beam.is_over(room)]
                beams = [beam for beam in found if not beam.is_over(room)]
                if not beams or len(done) >= 2 * _WIDTH:
                    break
                cache = output.past_key_values
                cache.batch_select_indices(torch.tensor([beam.row for beam in beams]))
                inputs = torch.tensor([[beam.token] for beam in beams])
        whole = [beam for beam in done if beam.token == 0]
        return whole if len(whole) >= _ENOUGH else done

    def _extend(self, beams: Sequence[_Beam], likelihoods: NDArray[np.float64], required: str) -> list[_Beam]:
        """Give the likeliest hypotheses that are one token longer; likelihoods are (beams, vocabulary)."""
        for row, beam in zip(likelihoods, beams, strict=True):
            left = required[len(beam.text) :]
            if left:
                row[~self._fitting(left)] = -np.inf
            row += beam.likelihood
        found = []
        for place in np.argsort(-likelihoods, axis=None, kind="stable")[:_WIDTH].tolist():
            row, token = divmod(place, likelihoods.shape[1])
            if np.isfinite(likelihoods[row, token]):
                found.append(beams[row].then(row, token, self._tokens[token], likelihoods[row, token]))
        return found

    def _fitting(self, left: str) -> NDArray[np.bool_]:
        """Say which tokens begin what is left of a word, or go on from it, (vocabulary,)."""
        if left == SPACE:
            return self._starts_word
        return np.array([token.startswith(left) or left.startswith(token) for token in self._tokens])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beam:
    """One hypothesis.

    Attributes:
        text: what it added, as byte-level BPE writes it.
        words: how many words that begins.
        length: its tokens.
        likelihood: logarithm of their probability.
        row: where the hypothesis stood that it goes on from.
        token: its last one.
    """

    text: str = ""
    words: int = 0
    length: int = 0
    likelihood: float = 0.0
    row: int = 0
    token: int = -1

    def then(self, row: int, token: int, written: str, likelihood: float) -> _Beam:
        """Give the hypothesis that goes on with a token."""
        return _Beam(
            text=self.text if token == 0 else self.text + written,
            words=self.words + written.startswith(SPACE),
            length=self.length + 1,
            likelihood=float(likelihood),
            row=row,
            token=token,
        )

    def is_over(self, room: int) -> bool:
        """Say whether it ended, or began a word too many."""
        return self.token == 0 or self.words > room

    def within(self, room: int) -> str:
        """Give its text without a word too many."""
        return self.text if self.words <= room else self.text[: self.text.rindex(SPACE)]

    @property
    def weighed(self) -> float:
        """Its likelihood, made comparable between lengths (Wu et al. 2016, in a simpler form)."""
        return self.likelihood / float(self.length**_LENGTH_POWER)


def _byte_level(word: str) -> str:
    """Write a word as the tokens have it, with the space before it."""
    from tokenizers.pre_tokenizers import ByteLevel

    return "".join(piece for piece, _ in ByteLevel(add_prefix_space=True).pre_tokenize_str(word))


def _words(text: str) -> str:
    from tokenizers.decoders import ByteLevel

    return normalised(str(ByteLevel().decode([text])))
