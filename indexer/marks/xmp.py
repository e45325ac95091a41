"""What an XMP packet says about a picture's making (IPTC Photo Metadata Standard, Digital Source Type).

The packet is searched rather than parsed: it may be cut short, and an XML parser would have to be guarded
against entities that expand.
"""

from __future__ import annotations

import json
import re
from html import unescape

from .base import Mark
from .values import from_findmake, known_software

_MAX_PACKET = 1 << 20
_SOURCE_TYPE = re.compile(
    rb"Digital[Ss]ource(?:[Ff]ile)?[Tt]ype(?:\s*=\s*[\"']|\s*>|[^<>]{0,80}?resource\s*=\s*[\"'])"
    rb"\s*([^\"'<>\s]{1,200})"
)
_TOOL = re.compile(rb"CreatorTool(?:\s*=\s*[\"']|\s*>)([^\"'<>]{1,200})")
_OWN = re.compile(rb"findmake:provenance=\"([^\"<>]{2,})\"")

TRAINED = "trainedalgorithmicmedia"
COMPOSITE = "compositewithtrainedalgorithmicmedia"


def is_synthetic(source_type: object) -> bool | None:
    """Judge an IPTC digital source type, an address or a QCode.

    Returns:
        False for made by a model, True for a composite with what a model made, None for anything else.
    """
    name = re.split("[/:]", source_type)[-1].lower() if isinstance(source_type, str) else ""
    return {TRAINED: False, COMPOSITE: True}.get(name)


def mark_in_xmp(packet: bytes) -> Mark | None:
    """Find a mark in an XMP packet."""
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in packet[:8]:
        packet = packet[:_MAX_PACKET].decode("utf-16", "replace").encode("utf-8", "replace")
    packet = packet[:_MAX_PACKET]
    own = _OWN.search(packet)
    if own and (mark := _own(own[1].decode("utf-8", "replace"))):
        return mark
    tool = _TOOL.search(packet)
    named = tool[1].decode("utf-8", "replace").strip() if tool else ""
    for found in _SOURCE_TYPE.finditer(packet):
        composite = is_synthetic(found[1].decode("utf-8", "replace"))
        if composite is not None:
            name = "findmake" if named.startswith("findmake") else "IPTC"
            return Mark(name=name, model=None if name == "findmake" else named or None, composite=composite)
    return known_software(named)


def _own(escaped: str) -> Mark | None:
    try:
        return from_findmake(json.loads(unescape(escaped)))
    except (ValueError, RecursionError):
        return None
