"""Fill a collection: index."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import common, say, settings, write_json
from .placement import check_writable

if TYPE_CHECKING:
    from ui.services.cluster import ClusterOptions

    from .options import Commands


def add_index(commands: Commands) -> None:
    """Add ``index``."""
    index = commands.add_parser("index", parents=[common()], help="index folders, tables and files")
    index.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="default: what was indexed before")
    index.add_argument("--prune", action="store_true", help="remove the items of a folder that is empty now")
    index.add_argument(
        "--optimize",
        action="store_true",
        help="build the index of a large collection anew, and show what was tried",
    )
    index.add_argument(
        "--recall",
        type=_share,
        default=0.98,
        metavar="R",
        help="share of the true ten best that such an index shall find (0.98)",
    )
    index.add_argument(
        "--engine",
        choices=("here", "ray"),
        default="here",
        help="who reads and encodes: this process, or Ray",
    )
    index.add_argument("--address", metavar="RAY", help="of a Ray cluster: auto, or ray://head:10001")
    index.add_argument("--workers", type=int, metavar="N", help="how many of Ray's processors (all but one)")
    index.add_argument(
        "--vectors", metavar="URL", help="let a Milvus server find candidates from now on; 'here' for none"
    )
    index.add_argument("--json", action="store_true", help="the report as JSON")
    index.set_defaults(run=_index)


def _index(options: argparse.Namespace) -> int:
    from ui.formats import answers, progress
    from ui.services import index as filling
    from ui.services import large_index, models

    wanted = settings(options)
    check_writable(wanted.collection)  # or a person learns it after the model hub was asked
    line = progress.ProgressLine()
    try:
        report = filling.index(
            wanted, options.paths, prune=options.prune, cluster=_cluster(options), say=say, on_progress=line
        )
    finally:
        line.close()
    if options.json:
        write_json(answers.report_to_json(report))
    else:
        say(answers.report_to_text(report))
    if options.vectors:
        large_index.use_vectors_at(wanted, None if options.vectors == "here" else options.vectors)
    built = large_index.keep_quick_at(wanted, forced=options.optimize, recall=options.recall, say=say)
    if built or options.optimize:
        say(large_index.shown(built))
    models.prepare_for(wanted, say)
    return 0


def _cluster(options: argparse.Namespace) -> ClusterOptions | None:
    from ui.services.cluster import ClusterOptions

    if options.engine == "here":
        return None
    return ClusterOptions(address=options.address, workers=options.workers)


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return number
