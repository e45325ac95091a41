"""The command line. Data goes to stdout, everything else to stderr; exit codes are listed in --help."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from .commands import (
    calibrate,
    doctor,
    duplicates,
    evaluate,
    explain,
    fill,
    gaps,
    index,
    info,
    label,
    model,
    promote,
    recommend,
    search,
    serve,
    suggest,
    tag,
    train_generator,
    train_lora,
)
from .commands.options import say, settings
from .commands.placement import misplaced
from .settings import multiply_by_one_thread

# Heavy modules are imported by the command that needs them, so that --help takes a blink.
_COMMANDS = (
    index.add_index,
    search.add_search,
    search.add_similar,
    calibrate.add_calibrate,
    explain.add_explain,
    evaluate.add_evaluate,
    recommend.add_recommend,
    label.add_label,
    duplicates.add_duplicates,
    suggest.add_suggest,
    suggest.add_train_suggest,
    train_generator.add_train_generator,
    train_lora.add_train_lora,
    info.add_info,
    info.add_models,
    model.add_model,
    doctor.add_doctor,
    tag.add_tag,
    gaps.add_gaps,
    fill.add_fill,
    fill.add_regenerate,
    promote.add_promote,
    promote.add_discard,
    serve.add_serve,
)

_EPILOG = """\
queries:
  red running shoes            words
  "black - and - white" shirt  words, though there are signs between the quotation marks
  shoe.jpg                     a picture, by its file or by its http(s) address
  shoe.jpg[40,60,200,120]      a region of it: x, y, width, height in pixels, or all with %
  2:handbag + bag.jpg - floral words and pictures, with weights and signs
  item:17 - leather            an item of the collection

exit codes:
  0 done (single files that failed are listed)   1 failed, with the reason   2 wrong usage
  3 no such collection   4 another process is writing   5 model unavailable   6 blocked   130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(_attached(sys.argv[1:] if arguments is None else arguments))
    if getattr(options, "small_products", False):
        multiply_by_one_thread()  # before NumPy comes with the next line
    from indexer.errors import FindmakeError

    try:
        if hasattr(options, "collection") and (reason := misplaced(settings(options).collection)):
            say(f"findmake: {reason}")
            return 2
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except FindmakeError as error:
        say(f"findmake: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("findmake: stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except BrokenPipeError:  # the reader of our output, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _attached(arguments: Sequence[str]) -> list[str]:
    """Attach its value to ``--order``: by itself, the minus of ``-price`` would make it an option."""
    told: list[str] = []
    for argument in arguments:
        if told and told[-1] == "--order":
            told[-1] = f"--order={argument}"
        else:
            told.append(argument)
    return told


class _Parser(argparse.ArgumentParser):
    """Names what a mistyped word may have been meant to be; Python itself can from 3.14 on."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += _meant(str(value), map(str, action.choices or ()))
            raise

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read arguments; an unknown one is told here, where those that this command takes are known."""
        known, others = super().parse_known_args(args, namespace)
        for word in others:
            if meant := _meant(word.partition("=")[0], self._option_string_actions):
                self.error(f"unrecognized argument: {word}{meant}")
        return known, others


def _meant(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f". Did you mean {near[0]}?" if near else ""


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="findmake",
        description="Search pictures and texts by meaning.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
