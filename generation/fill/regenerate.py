"""Making a picture again from what is kept of how it was made, and saying whether it came out the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import Collection, Generated, NotGenerated, UnreadableImage, load_image

from ..errors import BadRequest
from ..generator import Generator
from ..marks.metadata import mark_png
from ..request import GenerationRequest, GenerationSettings, OnStep
from . import extras as conditions
from .finish import had_watermark, watermarked
from .plan import readable_pictures, reopened

NO_PROMISE = (
    "The same picture, bit for bit, can only be promised on the same machine with the same versions: another "
    "processor, GPU or build of the libraries adds numbers in another order."
)
"""Why a picture made again may differ."""

_SETTINGS = (
    *("model", "revision", "mode", "scheduler", "steps", "guidance", "seed", "width", "height"),
    *("prompt", "negative_prompt"),
)
_UNTOLD = ("prompt_cut",)  # extras that the first time alone can have


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regenerated:
    """A picture that was made again.

    Attributes:
        item_id: of the first one.
        image: RGB.
        settings: how it was made this time.
        provenance: of the first one.
        equal: whether all pixels are those of the stored picture; None if that one cannot be read.
        furthest: the greatest difference of any channel of any pixel, 0 to 255; None if not comparable.
        differences: what was otherwise this time, in sentences; empty if nothing was.
    """

    item_id: int
    image: Image.Image
    settings: GenerationSettings
    provenance: Generated
    equal: bool | None
    furthest: int | None
    differences: tuple[str, ...]


def generated_by(collection: Collection, item_id: int) -> Generated:
    """Look up how an item was made, for the generator that is needed to make it again.

    Raises:
        ItemNotFound: there is no such item.
        NotGenerated: it was imported.
    """
    provenance = collection.item(item_id).provenance
    if not isinstance(provenance, Generated):
        raise NotGenerated(item_id, "make again")
    return provenance


def regenerate(
    collection: Collection, generator: Generator, item_id: int, *, on_step: OnStep | None = None
) -> Regenerated:
    """Make a picture again from its provenance, and compare. Nothing is stored.

    Args:
        collection: where the item is.
        generator: the one that its provenance names.
        item_id: of a picture that was made here.
        on_step: called after each step; False stops.

    Raises:
        ItemNotFound: there is no such item.
        NotGenerated: it was imported.
        BadRequest: what is kept of how it was made is damaged, or from elsewhere.
        UnreadableImage: the picture that it started from is gone.
        GenerationCancelled: ``on_step`` returned False.
        OutOfMemory: the machine's memory does not suffice.
    """
    provenance = generated_by(collection, item_id)
    differences: list[str] = []
    request = _request(collection, provenance, differences)
    drawn = generator.generate(request, on_step=on_step)
    [made] = watermarked(drawn, wanted=had_watermark(provenance.extras))
    differences += _otherwise(provenance, made.settings)
    equal, furthest = _compared(collection, item_id, made.image)
    return Regenerated(
        item_id=item_id,
        image=made.image,
        settings=made.settings,
        provenance=provenance,
        equal=equal,
        furthest=furthest,
        differences=tuple(differences),
    )


def regenerated_png(again: Regenerated) -> bytes:
    """Encode a picture that was made again as PNG, with the marks of the first one."""
    public = conditions.public_extras(again.provenance.extras)
    return mark_png(again.image, replace(again.provenance, extras=public))


def _request(collection: Collection, provenance: Generated, differences: list[str]) -> GenerationRequest:
    """Ask for the same again, and note what cannot be had as it was."""
    if provenance.mode == "inpainting":
        raise BadRequest("what is kept of an inpainted picture", "another mode: masks are not kept")
    extras = provenance.extras
    embedding = neighbours = None
    if packed := extras.get(conditions.CONDITION):
        try:
            embedding, neighbours = conditions.unpacked(str(packed), collection.spec.dim)
        except ValueError as error:
            raise BadRequest(f"what is kept of its conditions ({error})", "what fill wrote") from error
    styles: tuple[Image.Image, ...] = ()
    if wanted := extras.get(conditions.STYLES):
        styles = readable_pictures(collection, provenance.parents)
        if conditions.checksum(*styles) != wanted:
            differences.append("The pictures whose look it follows have changed or are gone.")
    start = None
    if name := extras.get(conditions.START):
        start = reopened(collection, str(name))
        if conditions.checksum(start) != extras.get(conditions.START_SHA256):
            differences.append("The picture that it started from has changed.")
    return GenerationRequest(
        prompt=provenance.prompt,
        negative_prompt=provenance.negative_prompt,
        embedding=embedding,
        neighbours=neighbours,
        style_weight=_number(extras.get("style_weight"), 0.5),
        styles=styles,
        start=start,
        strength=_number(extras.get("strength"), 0.7),
        seed=provenance.seed,
        steps=provenance.steps,
        guidance=provenance.guidance,
        scheduler=provenance.scheduler,
        width=provenance.width or None,
        height=provenance.height or None,
    )


def _number(value: conditions.Extra, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) else default


def _otherwise(provenance: Generated, settings: GenerationSettings) -> list[str]:
    """Say which settings of the generator are not those of the first time."""
    pairs = {name: (getattr(provenance, name), getattr(settings, name)) for name in _SETTINGS}
    before, now = conditions.own_extras(provenance.extras), conditions.own_extras(settings.extras)
    for name in sorted((before.keys() | now.keys()) - set(_UNTOLD)):
        pairs[name] = (before.get(name), now.get(name))
    return [
        f"The {name.replace('_', ' ')} was {first!r}, and is {second!r} now."
        for name, (first, second) in pairs.items()
        if first != second
    ]


def _compared(collection: Collection, item_id: int, image: Image.Image) -> tuple[bool | None, int | None]:
    path = collection.item(item_id).path
    try:
        stored = load_image(Path(path or "")).image
    except UnreadableImage:
        return None, None
    first, second = np.asarray(stored.convert("RGB"), np.int16), np.asarray(image.convert("RGB"), np.int16)
    if first.shape != second.shape:
        return False, None
    furthest = int(np.abs(first - second).max(initial=0))
    return furthest == 0, furthest
