"""Provenance to and from the JSON that the store keeps."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from .items import Generated, Imported, Provenance


def provenance_to_json(provenance: Provenance) -> tuple[str, dict[str, Any]]:
    """Split provenance into the origin (``imported`` or ``generated``) and a JSON object."""
    values = asdict(provenance) | {"at": provenance.at.isoformat()}
    return ("generated" if isinstance(provenance, Generated) else "imported"), values


def provenance_from_json(origin: str, values: dict[str, Any]) -> Provenance:
    """Put provenance together again."""
    values = values | {"at": datetime.fromisoformat(values["at"])}
    if origin == "generated":
        return Generated(**values | {"parents": tuple(values["parents"])})
    return Imported(**values)
