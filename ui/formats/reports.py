"""What is lacking, made and measured, as JSON (a contract that scripts rely on) and CSV; see docs/json.md."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generation import Candidate, FillReport, Gap
    from search import EvaluationReport

_FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")  # what starts one in a spreadsheet
_COLUMNS = (
    *("name", "times", "demand", "first_at", "last_at", "verdict", "where", "kind"),
    *("variants", "nearest", "filled_by", "tried"),
)


def fill_to_json(report: FillReport) -> dict[str, Any]:
    """Shape what came of filling a gap."""
    prompt = report.prompt
    return {
        "query": report.query.text,
        "verdict": report.before.verdict,
        "coverage": report.before.coverage,
        "reason": report.before.reason,
        "outcome": report.outcome,
        "prompt": prompt
        and {
            "text": prompt.text,
            "negative": prompt.negative,
            "kind": prompt.kind,
            "style": list(prompt.style),
            "left_out": list(prompt.left_out),
        },
        "candidates": [_candidate_to_json(each) for each in report.candidates],
        "kept": list(report.kept),
        "reused": list(report.reused),
        "seconds": report.seconds,
    }


def _candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    found = candidate.verification
    return {
        "seed": candidate.settings.seed,
        "probability": found and found.probability,
        "coverage": found and found.coverage,
        "verdict": candidate.verdict,
        "refused": candidate.refused,
        "id": candidate.item_id,
    }


def gap_to_json(gap: Gap) -> dict[str, Any]:
    """Shape a gap."""
    tried = gap.attempt
    return {
        "name": gap.name,
        "variants": list(gap.variants),
        "where": gap.where,
        "kind": gap.kind,
        "verdict": gap.verdict,
        "times": gap.times,
        "demand": gap.demand,
        "first_at": gap.first_at.isoformat(timespec="seconds"),
        "last_at": gap.last_at.isoformat(timespec="seconds"),
        "nearest": list(gap.nearest),
        "filled_by": list(gap.filled_by),
        "tried": tried and {"at": tried.at.isoformat(timespec="seconds"), "outcome": tried.outcome},
    }


def gaps_to_csv(gaps: Sequence[Gap]) -> str:
    """Write gaps as CSV; lists are joined by semicolons. No cell can start a formula in a spreadsheet."""
    buffer = io.StringIO()
    rows = csv.writer(buffer)
    rows.writerow(_COLUMNS)
    for gap in gaps:
        values = gap_to_json(gap) | {"tried": gap.attempt.outcome if gap.attempt else ""}
        rows.writerow([safe_cell(_joined(values[name])) for name in _COLUMNS])
    return buffer.getvalue()


def safe_cell(value: object) -> object:
    """Give a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _joined(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def evaluation_to_json(report: EvaluationReport) -> dict[str, Any]:
    """Shape a report: the figures by group and name; see docs/evaluation.md."""
    figures: dict[str, dict[str, Any]] = {}
    for figure in report.figures:
        ends = figure.interval
        figures.setdefault(figure.group, {})[figure.name] = {
            "value": figure.value,
            "low": ends.low if ends else None,
            "high": ends.high if ends else None,
            "unit": figure.unit,
            "samples": figure.samples,
        }
    return {
        "source": report.source,
        "model": report.model,
        "pictures": report.pictures,
        "failed": [asdict(failure) for failure in report.failed],
        "notes": list(report.notes),
        "figures": figures,
    }
