"""Complete queries: suggest, train-suggest."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from .options import Commands


def add_suggest(commands: Commands) -> None:
    """Add ``suggest``."""
    suggest = commands.add_parser("suggest", parents=[common()], help="complete a query")
    suggest.add_argument("prefix", help="what was typed; end it with a space if its last word is whole")
    suggest.add_argument("-n", type=_count, default=8, help="how many completions, at most 12 (8)")
    suggest.add_argument("--enrich", action="store_true", help="go on from a whole prompt, for a generator")
    suggest.add_argument("--json", action="store_true", help="one JSON object")
    suggest.set_defaults(run=_suggest)


def add_train_suggest(commands: Commands) -> None:
    """Add ``train-suggest``."""
    help_text = "learn completions from the collection's titles and captions"
    train = commands.add_parser("train-suggest", parents=[common()], help=help_text)
    train.add_argument("--steps", type=_count, default=800, help="of training (800)")
    train.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    train.add_argument("--json", action="store_true", help="the figures as JSON")
    train.set_defaults(run=_train)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _suggest(options: argparse.Namespace) -> int:
    from search import Completer

    completer = Completer.load(settings(options).collection)
    if options.enrich:
        prompts = completer.enrich(options.prefix, options.n)
        write_json({"prompt": options.prefix, "prompts": prompts}) if options.json else _write_all(prompts)
        return 0
    found = completer.complete(options.prefix, options.n)
    if options.json:
        entries = [{"text": each.text, "log_likelihood": each.log_likelihood} for each in found]
        write_json({"prefix": options.prefix, "completions": entries})
    else:
        _write_all([each.text for each in found])
    return 0


def _write_all(lines: list[str]) -> None:
    for line in lines:
        write(line)


def _train(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from indexer import Progress
    from search import Recipe, train_completer
    from ui.formats import progress
    from ui.services import operations

    line = progress.ProgressLine()
    try:
        trained = train_completer(
            operations.open_collection(settings(options)),
            Recipe(steps=options.steps, seed=options.seed),
            on_progress=lambda done, total: line(Progress(done=done, total=total, images=0)),
        )
    finally:
        line.close()
    if options.json:
        write_json(asdict(trained))
    else:
        say(
            f"Learned from {trained.texts:,} texts in {trained.seconds:.0f} s. Perplexity per token on "
            f"{trained.held_out:,} others: {trained.perplexity:.1f} (a bigram model: "
            f"{trained.bigram_perplexity:.1f})."
        )
    return 0
