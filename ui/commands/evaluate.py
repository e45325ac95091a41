"""Judge a model: evaluate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from search import EvaluationReport, Figure

    from .options import Commands

_ROLES = ("image", "captions", "title", "label")
_SHOWN_FAILURES = 10


def add_evaluate(commands: Commands) -> None:
    """Add ``evaluate``."""
    parser = commands.add_parser(
        "evaluate", parents=[common()], help="measure a model on a dataset, or on your own collection"
    )
    parser.add_argument(
        "dataset",
        nargs="?",
        type=Path,
        metavar="DATASET",
        help="Parquet, JSON lines or CSV with image and captions, title or label; without: the collection",
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N pictures")
    for role in _ROLES:
        parser.add_argument(f"--{role}-column", metavar="NAME", help=f"the column with the {role} ({role})")
    parser.add_argument(
        "--template",
        action="append",
        type=_template,
        metavar="TEXT",
        help="a sentence with {} for a label, for zero-shot classification; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from search import DEFAULT_TEMPLATES
    from ui.formats.reports import evaluation_to_json
    from ui.formats.text import one_line

    if options.dataset is not None and options.collection is not None:
        say("findmake: give a dataset or --collection, not both.")
        return 2
    if options.dataset is None and (options.image_column or options.captions_column or options.title_column):
        say("findmake: a collection knows its pictures and texts; of the columns give --label-column only.")
        return 2
    templates = tuple(options.template or DEFAULT_TEMPLATES)
    judge = _on_collection if options.dataset is None else _on_dataset
    report = judge(options, templates)
    for failure in report.failed[:_SHOWN_FAILURES]:
        say(one_line(f"  failed: {failure.path}: {failure.reason}"))
    if len(report.failed) > _SHOWN_FAILURES:
        say(f"  and {len(report.failed) - _SHOWN_FAILURES:,} more")
    write_json(evaluation_to_json(report)) if options.json else write(_to_table(report))
    return 0


def _on_dataset(options: argparse.Namespace, templates: tuple[str, ...]) -> EvaluationReport:
    from indexer import choose_model, load_encoder
    from search import DatasetColumns, evaluate_dataset, open_dataset
    from ui.formats import progress

    given = settings(options)
    columns = DatasetColumns(**{role: getattr(options, f"{role}_column") for role in _ROLES})
    dataset = open_dataset(options.dataset.expanduser(), columns, limit=options.limit)
    model = given.model or "auto"
    if model == "auto":
        model, why = choose_model()
        say(f"Model: {model} ({why}).")
    line = progress.ProgressLine()
    try:
        encoder = load_encoder(model, device=given.device)
        return evaluate_dataset(encoder, dataset, templates=templates, on_progress=line)
    finally:
        line.close()


def _on_collection(options: argparse.Namespace, templates: tuple[str, ...]) -> EvaluationReport:
    from search import evaluate_collection
    from ui.services import operations

    given = settings(options)
    collection = operations.open_collection(given)
    encoder = operations.open_encoder(collection, given)
    return evaluate_collection(
        collection, encoder, label=options.label_column, limit=options.limit, templates=templates
    )


def _to_table(report: EvaluationReport) -> str:
    """Lay out a report for a terminal."""
    lines = [
        f"{report.source}: {report.pictures:,} pictures, {len(report.failed):,} failed",
        f"model: {report.model}",
        *(f"note: {note}" for note in report.notes),
        f"{'':34}{'':>9}  {'95 % interval':^18} {'samples':>8}",
    ]
    group = ""
    for figure in report.figures:
        if figure.group != group:
            group = figure.group
            lines.append(group)
        lines.append(_row(figure))
    return "\n".join(lines)


def _row(figure: Figure) -> str:
    name = figure.name.replace("_at_", "@").replace("_", " ")
    ends = figure.interval
    spread = f"{_number(ends.low, figure)} to {_number(ends.high, figure)}" if ends else ""
    unit = {"share": "%", "rank": "", "1/s": "/s", "ms": "ms", "bytes": "B"}[figure.unit]
    return f"  {name:32}{_number(figure.value, figure):>9} {unit:2} {spread:^16} {figure.samples:>8,}"


def _number(value: float, figure: Figure) -> str:
    if figure.unit == "share":
        return f"{100 * value:.1f}"
    if figure.unit == "ms":
        return f"{value:.2f}"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _template(text: str) -> str:
    if "{}" not in text:
        raise argparse.ArgumentTypeError(
            f"needs a place {{}} for the label, as in 'a photo of {{}}': {text!r}"
        )
    return text
