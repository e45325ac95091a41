"""Writing into a picture file that a model made it, and how.

The mark itself, IPTC's digital source type in XMP, is always written. What a person would rather keep to
themselves (words, query, parents) can be left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal
from xml.sax.saxutils import escape

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from indexer import Generated

Attribute = str | int | float | bool | None
Form = Literal["PNG", "JPEG", "WEBP"]

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""What IPTC calls a picture made by a model. Also for inpainting: the model draws every pixel anew."""

_TOOL = "findmake"
_USER_COMMENT, _EXIF_DIRECTORY = 0x9286, 0x8769
_MAX_SEGMENT = 60_000  # bytes; a JPEG segment holds 65,533
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"{namespaces}\n'
    "{attributes}/>\n"
    '</rdf:RDF></x:xmpmeta>\n<?xpacket end="r"?>'
)


def mark_png(image: Image.Image, provenance: Generated, *, prompt_metadata: bool = True) -> bytes:
    """Encode a picture as PNG with its marks.

    The file holds the text ``parameters`` in the form of AUTOMATIC1111, which many tools show; the text
    ``findmake``, a JSON object of the whole provenance; and XMP with IPTC's digital source type.

    Args:
        image: RGB; not changed.
        provenance: how it was made.
        prompt_metadata: also write prompts, query, verdict, parents and extras. The rest is always written.

    Returns:
        The bytes of the file; equal arguments give equal bytes.
    """
    info = PngInfo()
    info.add_text("parameters", _clean(parameters_text(provenance, prompt_metadata=prompt_metadata)))
    info.add_text("findmake", provenance_json(provenance, prompt_metadata=prompt_metadata))
    info.add_itxt("XML:com.adobe.xmp", _xmp(provenance, ""))
    buffer = BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def mark_image(
    image: Image.Image,
    provenance: Generated,
    *,
    form: Form,
    quality: int = 95,
    prompt_metadata: bool = True,
) -> bytes:
    """Encode a picture with its marks in the form that a person wants to pass it on.

    In JPEG and WebP the parameters stand in the EXIF user comment and the provenance in XMP. What is too
    long for a JPEG's segments is left out, first the parameters, then the words; never the mark.

    Args:
        image: RGB; not changed.
        provenance: how it was made.
        form: ``PNG``, ``JPEG`` or ``WEBP``.
        quality: of JPEG and WebP, 1 to 100.
        prompt_metadata: as for ``mark_png``.

    Returns:
        The bytes of the file.
    """
    if form == "PNG":
        return mark_png(image, provenance, prompt_metadata=prompt_metadata)
    exif = _user_comment(parameters_text(provenance, prompt_metadata=prompt_metadata))
    options = {"exif": exif} if len(exif) <= _MAX_SEGMENT else {}
    buffer = BytesIO()
    xmp = _fitting_xmp(provenance, prompt_metadata=prompt_metadata)
    image.save(buffer, form, quality=quality, xmp=xmp, **options)
    return buffer.getvalue()


def parameters_text(provenance: Generated, *, prompt_metadata: bool = True) -> str:
    """Describe a picture's making in the form of AUTOMATIC1111: prompt, negative prompt, a line of settings.

    Args:
        provenance: how it was made.
        prompt_metadata: False to leave both prompts out.

    Returns:
        The text. A prompt that holds such lines itself makes it ambiguous; the JSON is not.
    """
    settings = {
        "Steps": provenance.steps,
        "Sampler": provenance.scheduler,
        "CFG scale": f"{provenance.guidance:g}",
        "Seed": provenance.seed,
        "Size": f"{provenance.width}x{provenance.height}",
        "Model": public_name(provenance.model),
        "Version": _TOOL,
    }
    lines = [", ".join(f"{name}: {_quoted(str(value))}" for name, value in settings.items())]
    if prompt_metadata:
        if provenance.negative_prompt:
            lines.insert(0, f"Negative prompt: {provenance.negative_prompt}")
        lines.insert(0, provenance.prompt)
    return "\n".join(lines)


def provenance_json(provenance: Generated, *, prompt_metadata: bool = True) -> str:
    """Write provenance as one JSON object, in ASCII.

    Args:
        provenance: how the picture was made. Of folders and files only the names are kept: a path tells
            about its owner, and the revision says which weights they were.
        prompt_metadata: False to leave out prompts, query, verdict, parents and extras.

    Returns:
        The JSON text.
    """
    values: dict[str, object] = {
        "format": 1,
        "model": public_name(provenance.model),
        "revision": provenance.revision,
        "mode": provenance.mode,
        "seed": provenance.seed,
        "steps": provenance.steps,
        "scheduler": provenance.scheduler,
        "guidance": provenance.guidance,
        "width": provenance.width,
        "height": provenance.height,
        "at": provenance.at.isoformat(),
    }
    if prompt_metadata:
        values |= {
            "prompt": provenance.prompt,
            "negative_prompt": provenance.negative_prompt,
            "for_query": provenance.for_query,
            "verdict": provenance.verdict,
            "parents": list(provenance.parents),
            "extras": {name: _public(value) for name, value in provenance.extras.items()},
        }
    return json.dumps(values)


def public_name(value: str) -> str:
    """Reduce an absolute path, in the manner of any system, to its last name."""
    for path in (PurePosixPath(value), PureWindowsPath(value)):
        if path.is_absolute() or value.startswith("~"):
            return path.name
    return value


def _fitting_xmp(provenance: Generated, *, prompt_metadata: bool) -> bytes:
    for told in (
        provenance_json(provenance, prompt_metadata=prompt_metadata),
        provenance_json(provenance, prompt_metadata=False),
    ):
        packet = _xmp(provenance, told)
        if len(packet) <= _MAX_SEGMENT:
            return packet
    return _xmp(provenance, "")


def _xmp(provenance: Generated, told: str) -> bytes:
    attributes = {
        "Iptc4xmpExt:DigitalSourceType": SOURCE_TYPE,
        "xmp:CreatorTool": _TOOL,
        "xmp:CreateDate": provenance.at.isoformat(timespec="seconds"),
    } | ({"findmake:provenance": told} if told else {})
    namespaces = ' xmlns:findmake="urn:findmake:provenance"' if told else ""
    return _PACKET.format(namespaces=namespaces, attributes=_attributes(attributes)).encode()


def _attributes(values: Mapping[str, str]) -> str:
    return "\n".join(f'{name}="{escape(value, {chr(34): "&quot;"})}"' for name, value in values.items())


def _user_comment(text: str) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(_EXIF_DIRECTORY)[_USER_COMMENT] = b"UNICODE\0" + _clean(text).encode("utf-16-be")
    return exif.tobytes()


def _clean(text: str) -> str:
    """Replace what a text chunk cannot hold: NUL, and halves of surrogate pairs."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def _quoted(value: str) -> str:
    """Quote a value as AUTOMATIC1111 does, where it holds a separator."""
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',\n:"') else value


def _public(value: Attribute) -> Attribute:
    return public_name(value) if isinstance(value, str) else value
