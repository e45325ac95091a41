"""What a C2PA manifest says about a picture's making (C2PA 2.2; JUMBF, ISO/IEC 19566-5).

Cameras and editors sign manifests too, so a manifest alone marks nothing: an action or the IPTC metadata in
it must name a digital source type that means a model, or an action the creation by a program that does
nothing but generate. Signatures are not checked; a mark is a claim either way. Compressed manifests are not
read.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from .base import Mark
from .cbor import BadCbor, decode
from .values import json_object, known_software
from .xmp import is_synthetic

_MAX_BOXES = 4_000
_MAX_DEPTH = 10
_MAX_ASSERTION = 1 << 18
_MAX_STATEMENTS = 10_000
_ACTIONS, _METADATA = b"c2pa.actions", (b"c2pa.metadata", b"stds.iptc")
_IPTC_FIELD = "Iptc4xmpExt:DigitalSourceType"


def mark_in_c2pa(store: bytes) -> Mark | None:
    """Find a mark in a manifest store.

    Every manifest of the store counts, also those of ingredients: what a model made stays in the picture
    when an editor opens it and signs anew.
    """
    found: Mark | None = None
    for statement in islice(_statements(store), _MAX_STATEMENTS):
        mark = _mark_of(statement)
        if mark and not mark.composite:
            return mark
        found = found or mark
    return found


def _mark_of(statement: dict[Any, Any]) -> Mark | None:
    agent = statement.get("softwareAgent")
    named = agent.get("name") if isinstance(agent, dict) else agent
    model = named[:200] if isinstance(named, str) and named else None
    composite = is_synthetic(statement.get("digitalSourceType") or statement.get(_IPTC_FIELD))
    if composite is not None:
        return Mark(name="C2PA", model=model, composite=composite)
    if statement.get("action") == "c2pa.created" and model and known_software(model):
        return Mark(name="C2PA", model=model)
    return None


def _statements(store: bytes) -> Iterator[dict[Any, Any]]:
    """Give each action, and each assertion of embedded metadata."""
    for label, kind, body in _contents(store):
        if not label.startswith((_ACTIONS, *_METADATA)):
            continue
        value = _decoded(kind, body[:_MAX_ASSERTION])
        actions = value.get("actions") if label.startswith(_ACTIONS) else [value]
        yield from (each for each in actions if isinstance(each, dict)) if isinstance(actions, list) else ()


def _decoded(kind: bytes, body: bytes) -> dict[Any, Any]:
    if kind == b"json":
        return json_object(body.decode("utf-8", "replace"))
    try:
        value = decode(body)
    except BadCbor:
        return {}
    return value if isinstance(value, dict) else {}


def _contents(store: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Give label of the superbox, kind and body of each box that holds content."""
    waiting = [(0, len(store), b"", 0)]
    boxes = 0
    while waiting:
        place, end, label, depth = waiting.pop()
        while place + 8 <= end and boxes < _MAX_BOXES:
            boxes += 1
            size, kind = int.from_bytes(store[place : place + 4], "big"), store[place + 4 : place + 8]
            start = place + 8
            if size == 1:
                size, start = int.from_bytes(store[start : start + 8], "big"), start + 8
            last = min(place + size, end) if size else end
            if last < start:
                break
            if kind == b"jumb" and depth < _MAX_DEPTH:
                waiting.append((start, last, b"", depth + 1))
            elif kind == b"jumd":
                label = _label(store[start : min(last, start + 512)])
            elif kind in (b"cbor", b"json"):
                yield label, kind, store[start:last]
            place = last
        if boxes >= _MAX_BOXES:
            return


def _label(description: bytes) -> bytes:
    """Read the label of a superbox from its description box: 16 bytes of type, one of toggles, the label."""
    return description[17:].partition(b"\0")[0] if description[16:17] and description[16] & 2 else b""
