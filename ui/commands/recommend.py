"""Recommend by likes and dislikes: recommend."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .options import common, settings, write, write_json

if TYPE_CHECKING:
    from search import Recommendation

    from .options import Commands


def add_recommend(commands: Commands) -> None:
    """Add ``recommend``."""
    help_text = "recommend items by what is liked and disliked"
    recommend = commands.add_parser("recommend", parents=[common()], help=help_text)
    recommend.add_argument("--like", type=int, action="append", default=[], metavar="ID", help="repeat")
    recommend.add_argument("--dislike", type=int, action="append", default=[], metavar="ID", help="repeat")
    recommend.add_argument("-k", type=int, default=10, help="how many (10)")
    recommend.add_argument("--method", choices=("rocchio", "logistic"), help="how to learn the taste")
    recommend.add_argument("--json", action="store_true", help="one JSON object")
    recommend.set_defaults(run=_recommend)


def _recommend(options: argparse.Namespace) -> int:
    from search import DEFAULT_RECOMMENDATION_METHOD, recommend_items
    from ui.services import operations

    method = options.method or DEFAULT_RECOMMENDATION_METHOD
    found = recommend_items(
        operations.open_collection(settings(options)),
        liked=options.like,
        disliked=options.dislike,
        k=max(options.k, 0),
        method=method,
    )
    if options.json:
        asked = {"liked": options.like, "disliked": options.dislike, "method": method}
        write_json(asked | {"items": [_to_json(each) for each in found]})
    else:
        write(_to_table(found))
    return 0


def _to_json(found: Recommendation) -> dict[str, Any]:
    return {
        "rank": found.rank,
        "id": found.item.id,
        "score": round(found.score, 4),
        "because": found.because,
        "path": found.item.path or found.item.key,
        "title": found.item.title,
    }


def _to_table(found: tuple[Recommendation, ...]) -> str:
    from ui.formats.text import one_line

    if not found:
        return "Nothing to recommend: everything here has been rated."
    lines = [f"{'score':>6}  {'id':>6}  {'like':>6}  title  (path)"]
    for each in found:
        told = one_line(f"{each.item.title}  ({each.item.path or each.item.key})")
        lines.append(f"{each.score:6.2f}  {each.item.id:6d}  {each.because:6d}  {told}")
    return "\n".join(lines)
