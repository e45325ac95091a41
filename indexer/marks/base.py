"""What is looked through for marks, and what is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_TEXT = 4 << 20
"""Characters of one text and bytes of one packet that are looked at; whatever follows is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A sign inside a picture file that a model made the picture.

    Attributes:
        name: whose sign it is, such as ``findmake``, ``ComfyUI``, ``IPTC`` or ``C2PA``.
        model: the model or service, if the mark tells.
        prompt, negative_prompt: what was asked for, if the mark tells.
        seed: of the random numbers, if the mark tells.
        composite: the mark says that a model changed a part of a picture made by other means.
    """

    name: str
    model: str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    composite: bool = False

    def __str__(self) -> str:
        """Say in a few words whose mark it is, such as ``IPTC (Firefly), for a part``."""
        model = "".join(letter for letter in (self.model or "")[:100] if letter.isprintable())
        named = f"{self.name} ({model})" if model else self.name
        return f"{named}, for a part" if self.composite else named


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a picture file in which tools leave their marks, still encoded.

    Attributes:
        texts: by keyword, of those keywords that any tool uses.
        exif: an EXIF block, with or without its ``Exif`` prefix.
        xmp: an XMP packet.
        c2pa: the JUMBF boxes of a C2PA manifest store.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    exif: bytes = b""
    xmp: bytes = b""
    c2pa: bytes = b""
