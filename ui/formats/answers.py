"""Answers as JSON (a contract that scripts rely on) and as tables."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from indexer import Facet, IndexReport
from search import Contribution, Hit, Results

from .text import one_line


def results_to_json(results: Results) -> dict[str, Any]:
    """Shape the answer to one query; see docs/json.md."""
    return {
        "query": results.query.text,
        "verdict": results.verdict,
        "coverage": results.coverage,
        "reason": results.judgement.reason if results.judgement else None,
        "approximate": results.judgement.approximate if results.judgement else None,
        "warnings": list(results.warnings),
        "took_ms": results.took_ms,
        "hits": [hit_to_json(hit) for hit in results.hits],
    }


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """Shape one hit."""
    return {
        "rank": hit.rank,
        "id": hit.item.id,
        "score": round(hit.score, 6),
        "probability": hit.probability,
        "path": hit.item.path or hit.item.key,
        "title": hit.item.title,
        "modality": hit.item.modality,
        "origin": hit.item.origin,
        "apart": hit.item.apart,
        "matched": hit.matched,
        "worded": hit.worded,
        "folded": list(hit.folded),
    }


def report_to_json(report: IndexReport) -> dict[str, Any]:
    """Shape the report of an indexing run."""
    return asdict(report) | {"failed": [asdict(failure) for failure in report.failed]}


def contributions_to_json(
    answer: dict[str, Any], explained: Mapping[int, Sequence[Contribution]]
) -> dict[str, Any]:
    """Put beside each hit what each term gave to its score."""
    for hit in answer["hits"]:
        parts = explained[hit["id"]]
        hit["explain"] = [{"term": part.label, "value": round(part.value, 6)} for part in parts]
    return answer


def contributions_to_text(results: Results, explained: Mapping[int, Sequence[Contribution]]) -> str:
    """Lay out what each term gave to each hit's score, a hit a line."""
    lines = []
    for hit in results.hits:
        parts = "  ".join(f"{one_line(part.label)}: {part.value:+.3f}" for part in explained[hit.item.id])
        lines.append(f"{hit.item.id:6d}  {hit.score:6.3f} =  {parts}")
    return "\n".join(lines)


def facets_to_json(facets: Mapping[str, Facet]) -> dict[str, Any]:
    """Shape counts of values by field."""
    return {
        name: {
            "values": [{"value": value, "count": count} for value, count in facet.values],
            "items": facet.items,
            "low": facet.low,
            "high": facet.high,
        }
        for name, facet in facets.items()
    }


def facets_to_text(facets: Mapping[str, Facet]) -> str:
    """Lay out counts of values, a field a line."""
    lines = []
    for name, facet in facets.items():
        counts = ", ".join(f"{one_line(str(value))} {count}" for value, count in facet.values)
        lines.append(f"{one_line(name)}: {counts or f'{facet.low} to {facet.high}'}")
    return "\n".join(lines)


def results_to_table(results: Results, width: int | None = None) -> str:
    """Lay out hits for a terminal: probability, score, what matched, path, title."""
    if not results.hits:
        if results.considered:
            return "No hit is likely enough." if results.query.threshold else "No more hits."
        return "Nothing found: nothing here satisfies the condition, or the collection is empty."
    width = width or shutil.get_terminal_size().columns
    room = max(20, width - 31)
    lines = [f"{'prob':>5}  {'score':>6}  {'id':>6}  {'by':5}  path  (title)"]
    for hit in results.hits:
        path = one_line(hit.item.path or hit.item.key)
        label = f"{_shortened(path, room)}  ({one_line(hit.item.title)})" if hit.item.title else path
        if hit.item.origin == "generated":
            label += "  [generated, apart]" if hit.item.apart else "  [generated]"
        if hit.folded:
            label += f"  +{len(hit.folded)} alike"
        chance = "    -" if hit.probability is None else f"{hit.probability:5.2f}"
        lines.append(f"{chance}  {hit.score:6.3f}  {hit.item.id:6d}  {hit.matched:5}  {label}")
    return "\n".join(lines)


def judgement_to_text(results: Results) -> str:
    """Tell the verdict and its reason in a line; what else a person should know in others."""
    lines = list(results.warnings)
    if results.judgement is not None:
        judgement = results.judgement
        about = "about " if judgement.approximate else ""
        line = f"{judgement.verdict} (coverage {about}{judgement.coverage:.2f}): {judgement.reason}"
        if judgement.verdict == "no match" and results.hits:
            line += " These are the nearest misses:"
        lines.append(line)
    return "\n".join(lines)


def report_to_text(report: IndexReport) -> str:
    """Tell a person what an indexing run did."""
    counts = ("added", "updated", "moved", "unchanged", "removed")
    parts = [f"{getattr(report, name):,} {name}" for name in counts]
    parts.append(f"{len(report.failed):,} failed")
    line = f"{', '.join(parts)} in {report.seconds:.1f} s"
    if report.images_per_s:
        line += f" ({report.images_per_s:.1f} pictures/s)"
    failures = [one_line(f"  failed: {failure.path}: {failure.reason}") for failure in report.failed]
    return "\n".join([*failures, *(one_line(f"  note: {note}") for note in report.notes), line])


def _shortened(path: str, room: int) -> str:
    return path if len(path) <= room else "..." + path[-(room - 3) :]


def facts_to_text(facts: Mapping[str, Any]) -> str:
    """Lay out facts for a terminal, one a line; what there is not is left out."""
    there = {name: value for name, value in facts.items() if value is not None}
    shown = {name: ", ".join(value) if isinstance(value, list) else value for name, value in there.items()}
    return "\n".join(
        f"{name:12}{value:,}" if isinstance(value, int) else f"{name:12}{one_line(str(value))}"
        for name, value in shown.items()
    )


def model_to_text(facts: Mapping[str, Any]) -> str:
    """Tell a collection's model for a terminal."""
    told = f"{one_line(facts['model'])} ({facts['dim']:,} numbers, weights {facts['weights_sha256'][:12]})"
    if facts["changing_to"] is None:
        return told
    name, made = one_line(facts["changing_to"]), facts["gathered"]
    begun = f"A change to {name} was begun: {made:,} embeddings are made."
    return f"{told}\n{begun} Go on with: findmake model {name}"


def models_to_table(models: Sequence[Mapping[str, Any]]) -> str:
    """Lay out the zoo for a terminal; a dash stands for a figure that nobody published."""
    columns = {
        "available": "here",
        "name": "name",
        "dim": "dim",
        "size_mb": "MB",
        "imagenet_top1": "ImageNet",
    }
    columns |= {"flickr30k_r1": "Flickr30k", "languages": "languages", "licence": "licence"}
    rows = [list(columns.values())]
    for model in models:
        values = [model[name] for name in columns]
        rows.append(
            [
                "-"
                if v is None
                else {True: "yes", False: "no"}.get(v, str(v))
                if isinstance(v, bool)
                else str(v)
                for v in values
            ]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )
