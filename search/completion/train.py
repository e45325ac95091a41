"""Training the completer of a collection on its own titles and captions, in a minute or two on a CPU."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from indexer import Collection

from ..errors import TooFewTexts
from .bigram_baseline import Bigrams
from .completer import normalised
from .gpt import END, Shape, build, save

ENOUGH_TEXTS = 200  # distinct ones; of fewer, a model learns to recite
_LONGEST_TEXT = 40  # words that are read of one sentence
_PAGE = 500
_BATCH = 64
_WARM_UP = 0.05  # share of the steps
_START_STEPS = 300
_START_ROWS = 256
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_TOO_FEW_LETTERS = 0.5  # a text of fewer letters is a file name or a number

Progress = Callable[[int, int], None]
"""Called with the steps that are done, and all there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train.

    Attributes:
        steps: batches of 64 texts.
        seed: of everything random.
        vocabulary: tokens at most.
        learning_rate: at its highest.
    """

    steps: int = 800
    seed: int = 0
    vocabulary: int = 2_000
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        if self.steps < 1 or self.vocabulary < 257 or not self.learning_rate > 0:
            raise ValueError(f"not a recipe: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of a training.

    Attributes:
        texts: distinct ones that it learned from.
        held_out: distinct ones that it was judged by.
        perplexity: per token on those, of the model; lower is better.
        bigram_perplexity: of a bigram model (interpolated Kneser-Ney) of the same tokens and texts.
        steps: of training.
        seconds: wall-clock time.
    """

    texts: int
    held_out: int
    perplexity: float
    bigram_perplexity: float
    steps: int
    seconds: float


def texts_of(collection: Collection) -> list[str]:
    """List the distinct titles and sentences of a collection's own items, in order of item.

    What a model made is left out, and so is what is hardly made of letters: names of files, numbers.
    """
    found: dict[str, None] = {}
    ids = [known.id for known in collection.store.walk()]
    for start in range(0, len(ids), _PAGE):
        for item in collection.store.items(ids[start : start + _PAGE]):
            if item.origin == "imported":
                found.update(dict.fromkeys(sentences(item.title, item.text)))
    return list(found)


def sentences(*texts: str) -> Iterator[str]:
    """Yield the sentences of texts in the form that the model knows, but not names of files or numbers."""
    for text in texts:
        for sentence in _SENTENCE.split(text):
            words = normalised(sentence)
            if sum(letter.isalpha() for letter in words) > _TOO_FEW_LETTERS * len(words):
                yield " ".join(words.split(" ")[:_LONGEST_TEXT])


def train_completer(
    collection: Collection, recipe: Recipe | None = None, *, on_progress: Progress | None = None
) -> Trained:
    """Train a completer on a collection's texts, and put it in the collection's folder.

    Args:
        collection: whose texts.
        recipe: how.
        on_progress: called after each step.

    Raises:
        TooFewTexts: there are fewer than 200.
        StorageFailure: the folder cannot be written; the old completer stays.
    """
    texts = texts_of(collection)
    if len(texts) < ENOUGH_TEXTS:
        raise TooFewTexts(len(texts), ENOUGH_TEXTS)
    model, tokenizer, trained = train(texts, recipe or Recipe(), on_progress=on_progress)
    save(collection.folder, model, tokenizer)
    return trained


def train(
    texts: Sequence[str], recipe: Recipe, *, on_progress: Progress | None = None
) -> tuple[Any, Any, Trained]:
    """Train a model and its tokenizer on texts; a twentieth of them, by hash, is held out to judge it.

    The result depends on the texts and the recipe, up to rounding.

    Args:
        texts: distinct, normalised.
        recipe: how.
        on_progress: called after each step.

    Returns:
        A GPT2LMHeadModel, a ``tokenizers.Tokenizer``, and the figures.
    """
    started = time.monotonic()
    learned = [text for text in texts if not is_held_out(text)]
    held_out = [text for text in texts if is_held_out(text)]
    tokenizer = _fit_tokenizer(learned, recipe.vocabulary)
    shape = Shape(vocabulary=tokenizer.get_vocab_size())
    rows, unseen = (
        [encoding.ids[: shape.context - 1] for encoding in tokenizer.encode_batch(part)]
        for part in (learned, held_out)
    )
    bigrams = Bigrams(rows, shape.vocabulary)
    model = _fit_model(shape, rows, recipe, bigrams=bigrams, on_progress=on_progress)
    trained = Trained(
        texts=len(learned),
        held_out=len(held_out),
        perplexity=perplexity(model, unseen),
        bigram_perplexity=bigrams.perplexity(unseen),
        steps=recipe.steps,
        seconds=round(time.monotonic() - started, 1),
    )
    return model, tokenizer, trained


def is_held_out(text: str) -> bool:
    """Say whether a text is in the twentieth that judges."""
    return hashlib.sha256(text.encode()).digest()[0] % 20 == 0


def _fit_tokenizer(texts: Sequence[str], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _fit_model(
    shape: Shape,
    rows: Sequence[Sequence[int]],
    recipe: Recipe,
    *,
    bigrams: Bigrams,
    on_progress: Progress | None,
) -> Any:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = build(shape).train()
        _start_from(model, bigrams)
        optimizer = torch.optim.AdamW(
            model.parameters(), recipe.learning_rate, (0.9, 0.98), weight_decay=0.05
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, recipe.steps))
        batches = _batches(rows, recipe, shape.context)
        for step in range(recipe.steps):
            loss = _loss(model, next(batches)).mean()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            if on_progress is not None:
                on_progress(step + 1, recipe.steps)
    return model.eval()


def _start_from(model: Any, bigrams: Bigrams) -> None:
    """Teach the outer layers alone to give bigram probabilities.

    All counts at once in a few seconds, where the whole model would need thousands of batches to see them;
    what the inner layers learn then comes on top.
    """
    import torch

    table, frequencies = torch.from_numpy(bigrams.table()), torch.from_numpy(bigrams.frequencies())
    weights = frequencies.sqrt()  # rare contexts matter for rare words
    read, norm, write = model.transformer.wte, model.transformer.ln_f, model.lm_head
    outer = [*read.parameters(), *norm.parameters(), *write.parameters()]
    optimizer = torch.optim.Adam(outer, 0.02)
    for step in range(_START_STEPS):
        chosen = torch.multinomial(weights, min(_START_ROWS, len(weights)), replacement=True)
        likelihoods = torch.log_softmax(write(norm(read(chosen))), dim=-1)
        loss = -(table[chosen] * likelihoods).sum(dim=-1).mean()
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * _rate(step, _START_STEPS)
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()


def _rate(step: int, steps: int) -> float:
    """Rise to 1, then fall to almost 0 along a cosine."""
    rise = max(1.0, _WARM_UP * steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.02 + 0.98 * (1 + math.cos(math.pi * (step - rise) / max(1.0, steps - rise))) / 2


def _batches(rows: Sequence[Sequence[int]], recipe: Recipe, context: int) -> Iterator[Any]:
    """Yield batches of padded rows without end.

    Half of the texts begin somewhere inside: a query names the thing at once, a title its brand first.
    """
    import torch

    generator = torch.Generator().manual_seed(recipe.seed)
    while True:
        order = torch.randperm(len(rows), generator=generator).tolist()
        for start in range(0, len(order), _BATCH):
            picked = [rows[i] for i in order[start : start + _BATCH]]
            cuts = torch.rand(len(picked), generator=generator).mul(2).sub(1).clamp(min=0)
            yield _padded(
                [row[int(cut * len(row)) :] for row, cut in zip(picked, cuts, strict=True)], context
            )


def _padded(rows: Sequence[Sequence[int]], context: int) -> Any:
    """Put END around rows, and -1 behind them, (n, at most context + 1) int64."""
    import torch

    ended = [torch.tensor([0, *row[: context - 1], 0]) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(ended, batch_first=True, padding_value=-1)


def _loss(model: Any, batch: Any) -> Any:
    """Give the negative log-likelihood of every token after the first, (tokens,)."""
    import torch

    inputs, targets = batch[:, :-1].clamp(min=0), batch[:, 1:]
    logits = model(input_ids=inputs, use_cache=False).logits
    real = targets >= 0
    return torch.nn.functional.cross_entropy(logits[real], targets[real], reduction="none")


def perplexity(model: Any, rows: Sequence[Sequence[int]]) -> float:
    """Give the perplexity per token, the end of each text included.

    Args:
        model: a GPT2LMHeadModel.
        rows: token ids of each text, without END.
    """
    import torch

    with torch.inference_mode():
        losses = [
            _loss(model, _padded(rows[start : start + _BATCH], model.config.n_positions))
            for start in range(0, len(rows), _BATCH)
        ]
    return float(torch.cat(losses).double().mean().exp()) if losses else math.nan
