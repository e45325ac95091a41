"""Provenance to and from the JSON that the store keeps."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from ..items import Generated, Imported, Provenance, origin_of


def provenance_to_json(provenance: Provenance) -> tuple[str, dict[str, Any]]:
    """Split provenance into the origin (``imported`` or ``generated``) and a JSON object."""
    if isinstance(provenance, Generated):
        provenance = replace(provenance, extras=dict(provenance.extras))  # asdict cannot copy any mapping
    values = asdict(provenance) | {"at": provenance.at.isoformat()}
    return origin_of(provenance), values


def provenance_from_json(values: dict[str, Any]) -> Provenance:
    """Put provenance together again; what an older findmake did not know yet has its default."""
    values = values | {"at": datetime.fromisoformat(values["at"])}
    if "source" in values:  # not by the origin: a file that says a model made it is imported all the same
        return Imported(**values)
    return Generated(**values | {"parents": tuple(values["parents"])})
