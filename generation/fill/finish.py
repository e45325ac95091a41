"""What is done to a picture on request: an invisible watermark before it is judged, a signature when kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from indexer import Generated

from ..marks.watermark import add_watermark
from ..request import GeneratedImage
from .extras import Extra

if TYPE_CHECKING:
    from ..marks.certificates import Credential

WATERMARK = "fill_watermark"
"""Name, among the extras of a generated item, of whether the watermark is in the picture."""


def watermarked(made: Sequence[GeneratedImage], *, wanted: bool) -> list[GeneratedImage]:
    """Put the watermark into pictures, if it is wanted; a blocked one stays as it is."""
    return [_marked(one) if wanted and not one.blocked else one for one in made]


def _marked(one: GeneratedImage) -> GeneratedImage:
    extras = {**one.settings.extras, WATERMARK: True}
    return replace(one, image=add_watermark(one.image), settings=replace(one.settings, extras=extras))


def had_watermark(extras: Mapping[str, Extra]) -> bool:
    """Say whether the picture with these extras was given the watermark."""
    return extras.get(WATERMARK) is True


def signed(png: bytes, provenance: Generated, credential: Credential | None) -> bytes:
    """Add content credentials to a PNG file, if there is something to sign with.

    Raises:
        CredentialsUnavailable: the extra is not installed.
        BadCredential: the certificate cannot be used to sign, or has expired.
    """
    if credential is None:
        return png
    from ..marks.credentials import sign_image

    return sign_image(png, credential, provenance=provenance)
