"""Make what is lacking: fill; and make it again: regenerate."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ui.formats.reports import fill_to_json

from .generator_options import (
    candidates_to_table,
    fill_options,
    filling_options,
    generator_options,
    open_generator,
    progress,
    write_files,
)
from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from generation import FillReport, Regenerated
    from search import Query, Searcher

    from .options import Commands

_BLOCKED, _NOT_CONVINCING = 6, 1  # exit codes
_KNOWS = (
    " The starter generator makes clothes and accessories only; for anything else, name a Stable Diffusion "
    "model with --generator, as docs/your-own-stable-diffusion.md says."
)


def add_fill(commands: Commands) -> None:
    """Add ``fill``."""
    help_text = "make what a query asks for and the collection lacks, if it proves to answer it"
    parents = [common(), generator_options(), filling_options()]
    fill = commands.add_parser("fill", parents=parents, help=help_text)
    fill.add_argument("query", nargs="+", metavar="QUERY", help="see the notes of: findmake --help")
    fill.add_argument("--where", default="", metavar="FILTER", help="only such items count as an answer")
    fill.add_argument("--force", action="store_true", help="whatever is here already, or was made before")
    mask = "with --start: a picture of its size, white where to paint anew, black what to keep"
    fill.add_argument("--mask", type=Path, metavar="FILE", help=mask)
    fill.add_argument("--out", type=Path, metavar="DIR", help="also write the pictures into this folder")
    fill.add_argument("--json", action="store_true", help="one JSON object")
    fill.set_defaults(run=_fill)


def add_regenerate(commands: Commands) -> None:
    """Add ``regenerate``."""
    help_text = "make a generated picture again, and say whether it is the same"
    again = commands.add_parser(
        "regenerate", parents=[common(), generator_options("the one that made it")], help=help_text
    )
    again.add_argument("item", type=int, metavar="ID", help="of a generated item")
    again.add_argument("--out", type=Path, metavar="FILE", help="write the picture made now, PNG")
    again.add_argument("--json", action="store_true", help="one JSON object")
    again.set_defaults(run=_regenerate)


# -- fill ------------------------------------------------------------------------------------------------


def _fill(options: argparse.Namespace) -> int:
    from generation import fill_gap
    from ui.services import operations

    query = _query(options)
    searcher = operations.open_searcher(settings(options))
    asked = fill_options(options, searcher)
    generator = open_generator(options)
    with progress() as on_step:
        report = fill_gap(searcher, generator, query, asked, on_step=on_step)
    exported = _export(searcher, report, options) if options.out else []
    if options.json:
        write_json(fill_to_json(report) | {"exported": exported})
    else:
        _tell(report)
        for path in exported:
            say(f"Wrote {path}")
    if report.outcome == "blocked":
        return _BLOCKED
    return _NOT_CONVINCING if report.outcome == "not convincing" else 0


def _query(options: argparse.Namespace) -> Query:
    from dataclasses import replace

    from search import parse_filter, parse_query

    condition = parse_filter(options.where) if options.where else None
    return replace(parse_query(options.query), condition=condition, where=options.where)


def _tell(report: FillReport) -> None:
    before = report.before
    say(f"{before.verdict} (coverage {before.coverage:.2f}): {before.reason}")
    if report.outcome == "not needed":
        weak = before.verdict == "weak"
        say(f"Nothing was made. Make it all the same with {'--weak' if weak else '--force'}.")
    elif report.outcome == "reused":
        ids = ", ".join(map(str, report.reused))
        say(f"Nothing was made: what was made before answers it. Make more with --force. Items: {ids}")
    if report.prompt is None:
        return
    say(f"Prompt: {report.prompt.text}")
    if report.prompt.left_out:
        say(f"  without, for want of room: {', '.join(report.prompt.left_out)}")
    write(candidates_to_table(report))
    say(_summary(report))


def _summary(report: FillReport) -> str:
    if report.kept:
        ids = " ".join(map(str, report.kept))
        return (
            f"Kept apart as {ids} in {report.seconds:.1f} s. Look at it, then: findmake promote {ids}, "
            f"or: findmake discard {ids}"
        )
    if report.outcome == "blocked":
        return "Everything was blocked; nothing was kept. Ask for something else."
    is_starter = any(each.settings.model == "starter" for each in report.candidates)
    return (
        "Not convincing: no picture proved to answer the query; nothing was kept."
        f"{_KNOWS if is_starter else ''} Try another --seed, more candidates with -n, another --generator, "
        "or look at the best with --out DIR."
    )


def _export(searcher: Searcher, report: FillReport, options: argparse.Namespace) -> list[str]:
    """Write what was kept or found as it is stored; if nothing was, the best that did not convince."""
    from generation import candidate_png

    name = re.sub(r"\W+", "-", report.query.text.lower()).strip("-")[:40] or "picture"
    files: dict[str, Callable[[], bytes]] = {}
    for item in searcher.collection.store.items([*report.kept, *report.reused]):
        if item.path is not None:
            files[f"{name}-{item.id}.png"] = Path(item.path).read_bytes
    if not files and report.candidates and report.candidates[0].image is not None:
        best = report.candidates[0]
        described = not options.no_metadata
        label = f"{name}-not-convincing-{best.settings.seed}.png"
        files[label] = partial(candidate_png, best, describe=described)
    return write_files(files, options.out)


# -- regenerate ------------------------------------------------------------------------------------------


def _regenerate(options: argparse.Namespace) -> int:
    from generation import generated_by, regenerate
    from ui.services import operations

    collection = operations.open_collection(settings(options))
    provenance = generated_by(collection, options.item)
    generator = open_generator(options, options.generator or provenance.model)
    with progress() as on_step:
        again = regenerate(collection, generator, options.item, on_step=on_step)
    path = _write_again(again, options.out) if options.out else None
    if options.json:
        facts = {"id": again.item_id, "equal": again.equal, "furthest": again.furthest}
        write_json(facts | {"differences": list(again.differences), "exported": path})
    else:
        _tell_again(again)
    return 0 if again.equal is not False else 1


def _tell_again(again: Regenerated) -> None:
    from generation import NO_PROMISE

    for difference in again.differences:
        say(difference)
    if again.equal:
        write(f"Equal: item {again.item_id} came out the same, bit for bit.")
    elif again.equal is None:
        write(
            f"Made again; the picture of item {again.item_id} is gone, so there is nothing to compare with."
        )
    else:
        how = "another size" if again.furthest is None else f"up to {again.furthest} of 255"
        write(f"Different: item {again.item_id} came out otherwise ({how}).")
        say(NO_PROMISE)


def _write_again(again: Regenerated, path: Path) -> str | None:
    from generation import regenerated_png

    written = write_files({path.name: partial(regenerated_png, again)}, path.parent)
    if written:
        say(f"Wrote {written[0]}")
    return written[0] if written else None
