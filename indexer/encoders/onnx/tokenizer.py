"""An encoder's tokenizer as a file of the tokenizers package, which gives the same tokens without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from open_clip.tokenizer import HFTokenizer, SimpleTokenizer, get_clean_fn
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.processors import TemplateProcessing

from ..starter import model
from .clean_text import CLEANINGS, Cleaning

# What open_clip's own tokenizer takes for a word.
_WORD = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class NotExportable(Exception):
    """The model cannot run without torch; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedTokenizer:
    """A tokenizer of the tokenizers package, and what belongs to it.

    Attributes:
        tokenizer: it.
        context: tokens that the text tower reads at most.
        padding: the token that fills up shorter texts.
        cleaning: what is done to a text before.
    """

    tokenizer: Tokenizer
    context: int
    padding: int
    cleaning: Cleaning


def exported_tokenizer(tokenizer: Any) -> ExportedTokenizer:
    """Give a tokenizer of open_clip, or the starter's, in that form.

    Raises:
        NotExportable: the tokenizers package alone cannot do what it does.
    """
    if isinstance(tokenizer, model.Tokenizer):
        tokenizer = tokenizer.padded
    if isinstance(tokenizer, SimpleTokenizer):
        return _of_open_clip(tokenizer)
    if not isinstance(tokenizer, HFTokenizer) or not getattr(tokenizer.tokenizer, "is_fast", False):
        raise NotExportable("its tokenizer needs torch")
    if tokenizer.strip_sep_token or tokenizer.tokenizer_mode:
        raise NotExportable("its tokenizer changes tokens in a way of its own")
    inner: Any = tokenizer.tokenizer
    return ExportedTokenizer(
        tokenizer=inner.backend_tokenizer,
        context=_context(tokenizer),
        padding=int(inner.pad_token_id),
        cleaning=_cleaning(tokenizer),
    )


def _of_open_clip(tokenizer: SimpleTokenizer) -> ExportedTokenizer:
    """Put together CLIP's byte-pair encoding from the same vocabulary and merges."""
    if tokenizer.reduction_fn is not None:
        raise NotExportable("its tokenizer shortens texts in a way of its own")
    merges = sorted(tokenizer.bpe_ranks, key=lambda pair: tokenizer.bpe_ranks[pair])
    made = Tokenizer(
        BPE(
            vocab=dict(tokenizer.encoder),
            merges=[(first, second) for first, second in merges],
            end_of_word_suffix="</w>",
        )
    )
    specials = [tokenizer.decoder[number] for number in tokenizer.all_special_ids]
    words = Split(Regex(_WORD), behavior="removed", invert=True)
    made.pre_tokenizer = Sequence([words, ByteLevel(add_prefix_space=False, use_regex=False)])
    made.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in specials])
    first, last = specials[:2]
    made.post_processor = TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(first, tokenizer.sot_token_id), (last, tokenizer.eot_token_id)],
    )
    return ExportedTokenizer(
        tokenizer=made, context=_context(tokenizer), padding=0, cleaning=_cleaning(tokenizer)
    )


def _context(tokenizer: Any) -> int:
    if not tokenizer.context_length:
        raise NotExportable("its tokenizer does not say how long a text may be")
    return int(tokenizer.context_length)


def _cleaning(tokenizer: Any) -> Cleaning:
    for name in CLEANINGS:
        if tokenizer.clean_fn is get_clean_fn(name):
            return name
    raise NotExportable("its tokenizer changes texts in a way of its own")
