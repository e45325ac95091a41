"""What the collection lacks: gaps; and working through them: gaps --fill."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ui.formats.reports import fill_to_json, gap_to_json, gaps_to_csv
from ui.formats.text import shorter

from .generator_options import (
    fill_options,
    filling_options,
    generator_options,
    open_generator,
    progress,
    write_files,
)
from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from generation import Attempted, Gap

    from .options import Commands


def add_gaps(commands: Commands) -> None:
    """Add ``gaps``."""
    help_text = "list what was asked for and is not there; with --fill, make it"
    parents = [common(), generator_options(), filling_options()]
    gaps = commands.add_parser("gaps", parents=parents, help=help_text)
    gaps.add_argument(
        "--since", type=_date, metavar="DATE", help="only what was asked since, such as 2026-03-01"
    )
    gaps.add_argument("--limit", type=int, default=20, metavar="N", help="lines of the table (20)")
    gaps.add_argument("--csv", type=Path, metavar="FILE", help="write all of them as CSV")
    gaps.add_argument("--json", action="store_true", help="one JSON object; with --fill, one a line")
    gaps.add_argument("--fill", action="store_true", help="make what is lacking, the most wanted first")
    gaps.add_argument("--most", type=int, metavar="N", help="with --fill: try at most N gaps")
    gaps.add_argument("--minutes", type=float, metavar="M", help="with --fill: begin none after M minutes")
    gaps.add_argument("--again", action="store_true", help="with --fill: also what was tried in vain")
    gaps.set_defaults(run=_gaps)


def _date(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a date such as 2026-03-01") from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _gaps(options: argparse.Namespace) -> int:
    from generation import find_gaps
    from ui.services import operations

    collection = operations.open_collection(settings(options))
    found = find_gaps(collection, since=options.since)
    if options.csv is not None:
        table = gaps_to_csv(found).encode
        written = write_files({options.csv.name: table}, options.csv.parent, make_folder=False)
        if not written:
            return 1
        say(f"Wrote {written[0]}: {len(found):,} gaps.")
    if options.fill:
        return _fill_all(options, found)
    if options.json:
        write_json({"gaps": [gap_to_json(gap) for gap in found]})
    elif options.csv is None:
        write(_to_table(found, options.limit))
    return 0


# -- filling ---------------------------------------------------------------------------------------------


def _fill_all(options: argparse.Namespace, found: Sequence[Gap]) -> int:
    """Work through the gaps; what is done is kept, whatever ends the run."""
    from generation import Budget, fill_gaps
    from ui.services import operations

    budget = Budget(most=options.most, minutes=options.minutes, again=options.again)
    if not any(gap.is_open or (options.again and not gap.filled_by) for gap in found):
        say("No gap is left to fill. What was tried in vain is tried once more with --again.")
        return 0
    searcher = operations.open_searcher(settings(options))
    asked = fill_options(options, searcher)
    generator = open_generator(options)
    tried = filled = 0
    with progress() as on_step:
        for each in fill_gaps(searcher, generator, found, asked, budget=budget, on_step=on_step):
            tried += 1
            filled += each.outcome in ("filled", "reused")
            _tell(each, options)
    say(f"{filled:,} of {tried:,} gaps are filled. The same command goes on with the others.")
    return 0


def _tell(each: Attempted, options: argparse.Namespace) -> None:
    if options.json:
        told = fill_to_json(each.report) if each.report else {"outcome": each.outcome}
        write_json({"gap": each.gap.name, "reason": each.reason} | told)
        return
    ids = (*each.report.kept, *each.report.reused) if each.report else ()
    items = f" as {', '.join(map(str, ids))}" if ids else ""
    write(f"{each.outcome}{items}: {each.gap.name}" + (f" ({each.reason})" if each.reason else ""))


# -- as a table -----------------------------------------------------------------------------------------


def _to_table(gaps: Sequence[Gap], limit: int) -> str:
    if not gaps:
        return "Nothing is lacking: no query has gone without an answer, or none was logged."
    lines = [f"{'demand':>7}  {'asked':>5}  {'last':10}  {'state':14}  query"]
    for gap in gaps[: max(limit, 0)]:
        state = "filled" if gap.filled_by else gap.attempt.outcome if gap.attempt else gap.verdict
        name = shorter(gap.name) + (f"  where {gap.where}" if gap.where else "")
        if gap.variants:
            also = ", ".join(map(shorter, gap.variants[:3]))
            name += f"  (also: {also}{', ...' if len(gap.variants) > 3 else ''})"
        lines.append(f"{gap.demand:7.1f}  {gap.times:5d}  {gap.last_at:%Y-%m-%d}  {state:14}  {name}")
    if len(gaps) > limit:
        lines.append(f"... and {len(gaps) - max(limit, 0):,} more: --limit, --json or --csv FILE")
    return "\n".join(lines)
