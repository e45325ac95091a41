"""The doctor as every way in uses it, and what it finds as JSON and as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from indexer import Collection, Encoder, Examination, Finding, examine, model_available

from ..settings import Settings
from . import operations

_SIGNS = {"fine": "ok", "note": "note", "trouble": "TROUBLE", "repaired": "repaired"}


def check_up(
    settings: Settings,
    *,
    repair: bool = False,
    quick: bool = False,
    on_finding: Callable[[Finding], None] = lambda finding: None,
) -> Examination:
    """Examine the collection that the settings name.

    Args:
        settings: which collection.
        repair: mend what can be mended.
        quick: do not load the model to compare its embeddings.
        on_finding: called with each finding, as soon as there is one.

    Raises:
        CollectionNotFound: there is none.
        CollectionBusy: another process is writing, so that nothing can be mended.
        StorageFailure: the disk is full, while something was mended.
    """

    def open_encoder(collection: Collection) -> Encoder | None:
        if quick or not model_available(collection.spec.name):  # never a download
            return None
        return operations.open_encoder(collection, settings)

    return examine(settings.collection, repair=repair, open_encoder=open_encoder, on_finding=on_finding)


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Shape one finding; see docs/json.md."""
    return {
        "check": finding.check,
        "state": finding.state,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
        "repairable": finding.repairable,
    }


def examination_to_json(examination: Examination) -> dict[str, Any]:
    """Shape an examination; see docs/json.md."""
    return {
        "collection": str(examination.folder),
        "healthy": examination.is_healthy,
        "repairable": examination.is_repairable,
        "findings": [finding_to_json(finding) for finding in examination.findings],
    }


def finding_to_text(finding: Mapping[str, Any]) -> str:
    """Lay out one finding for a terminal."""
    line = f"{_SIGNS[finding['state']]:8}  {finding['check']}: {finding['sentence']}"
    return f"{line}\n{'':10}{finding['remedy']}" if finding["remedy"] else line


def summary(examination: Examination) -> str:
    """Tell in a sentence how the collection is."""
    states = [finding.state for finding in examination.findings]
    trouble, repaired = states.count("trouble"), states.count("repaired")
    mended = f" {repaired} {'was' if repaired == 1 else 'were'} repaired." if repaired else ""
    if trouble:
        return f"{trouble} of {len(states)} checks found trouble.{mended}"
    return f"The collection is in order: {len(states)} checks.{mended}"
