"""Find duplicates: duplicates."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .options import common, settings, write, write_json

if TYPE_CHECKING:
    from search import Duplicate, DuplicateGroup

    from .options import Commands


def add_duplicates(commands: Commands) -> None:
    """Add ``duplicates``."""
    help_text = "find items that are the same, or nearly"
    duplicates = commands.add_parser("duplicates", parents=[common()], help=help_text)
    duplicates.add_argument(
        "--threshold", type=_threshold, metavar="X", help="least cosine, 0 to 1; 2 for exact copies alone"
    )
    duplicates.add_argument("--json", action="store_true", help="one JSON object")
    duplicates.set_defaults(run=_duplicates)


def _threshold(text: str) -> float:
    value = float(text)
    if not 0 < value <= 2:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 2")
    return value


def _duplicates(options: argparse.Namespace) -> int:
    from search import find_duplicates, near_duplicate_threshold
    from ui.services import operations

    collection = operations.open_collection(settings(options))
    threshold = options.threshold or near_duplicate_threshold(collection.spec)
    groups = find_duplicates(collection, threshold=threshold)
    if options.json:
        write_json({"threshold": threshold, "groups": [_to_json(group) for group in groups]})
    else:
        write(_to_text(groups))
    return 0


def _to_json(group: DuplicateGroup) -> dict[str, Any]:
    return {"exact": group.is_exact, "items": [_member_to_json(member) for member in group.members]}


def _member_to_json(member: Duplicate) -> dict[str, Any]:
    item = member.item
    return {
        "id": item.id,
        "path": item.path or item.key,
        "title": item.title,
        "width": item.width,
        "height": item.height,
        "score": round(member.score, 6),
        "same_as": member.same_as,
    }


def _to_text(groups: tuple[DuplicateGroup, ...]) -> str:
    from ui.formats.text import one_line

    if not groups:
        return "No duplicates."
    lines = []
    for group in groups:
        for place, member in enumerate(group.members):
            size = f"{member.item.width}x{member.item.height}" if member.item.width else "text"
            how = (
                f"same as {member.same_as}" if member.same_as else f"{member.score:.3f}" if place else "keep"
            )
            where = one_line(member.item.path or member.item.key)
            lines.append(f"{member.item.id:6d}  {how:>14}  {size:>11}  {where}")
        lines.append("")
    spare = sum(len(group.members) - 1 for group in groups)
    return "\n".join([*lines, f"{len(groups):,} groups, {spare:,} items to spare."])
