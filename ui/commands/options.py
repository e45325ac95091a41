"""What several commands share: options, settings, and where output goes."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ui.settings import Settings

if TYPE_CHECKING:
    from search import Query

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def common() -> argparse.ArgumentParser:
    """Options of every command that opens a collection."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--collection", metavar="DIR", help="the collection's folder, or postgresql://…")
    common.add_argument("--model", help="an encoder by name; see: findmake models")
    common.add_argument("--device", help="auto, cpu, cuda or mps")
    return common


def hit_options() -> argparse.ArgumentParser:
    """Options of every command that prints hits."""
    hits = argparse.ArgumentParser(add_help=False)
    hits.add_argument("-k", type=int, default=10, help="how many hits (10)")
    hits.add_argument("--offset", type=int, default=0, help="skip that many hits")
    hits.add_argument(
        "--where", default="", metavar="FILTER", help="only items such as: price<80 and tag:sale"
    )
    hits.add_argument("--threshold", type=float, metavar="P", help="leave out hits less probable than P")
    hits.add_argument("--diverse", type=float, default=0.0, metavar="W", help="let hits differ: 0 to 1 (0)")
    hits.add_argument("--order", default="relevance", metavar="FIELD", help="or an attribute; -FIELD to fall")
    hits.add_argument("--no-words", action="store_true", help="by meaning alone, not by words in texts")
    hits.add_argument("--no-fold", action="store_true", help="show near-duplicates one by one")
    hits.add_argument(
        "--generated", action="store_true", help="also look at what was made here and not promoted"
    )
    hits.add_argument("--explain", action="store_true", help="say what each term gives to each hit's score")
    hits.add_argument("--facets", default="", metavar="FIELDS", help="count values over the hits: brand,tag")
    form = hits.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument("--paths-only", action="store_true", help="one path a line")
    return hits


def shaped(query: Query, options: argparse.Namespace) -> Query:
    """Give a query what the options of ``hit_options`` say.

    Raises:
        BadFilter: the filter cannot be understood.
        BadQuery: a number is out of its range.
    """
    from search import parse_filter

    return replace(
        query,
        condition=parse_filter(options.where) if options.where else None,
        where=options.where,
        threshold=options.threshold,
        diversity=options.diverse,
        order=options.order,
        hybrid=not options.no_words,
        fold=not options.no_fold,
        generated=options.generated,
    )


def settings(options: argparse.Namespace) -> Settings:
    """Take the settings from the options, else from the environment."""
    return Settings.read(collection=options.collection, model=options.model, device=options.device)


def say(text: str) -> None:
    """Tell the person something, on stderr."""
    print(text, file=sys.stderr, flush=True)


def write(text: str) -> None:
    """Write a line of data to stdout, at once: a reader may wait for it."""
    print(text, flush=True)


def write_json(value: Any) -> None:
    """Write one JSON value as a line of data."""
    write(json.dumps(value, ensure_ascii=False))
