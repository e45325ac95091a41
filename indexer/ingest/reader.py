"""Reading one input: its bytes, its picture decoded, its thumbnail; and giving it its embeddings."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from PIL import Image

from ..encoders import Encoder, encode_whole_texts
from ..errors import FindmakeError, UnreadableImage, UnreadableSource
from ..images.decode import THUMBNAIL_SIDE, decode_image, taken_at, thumbnail
from ..items import Attribute, Embeddings, Failure, Kind
from ..marks import find_mark
from ..sources import Candidate, Content
from ..storage.drafts import Twin

FindTwin = Callable[[Kind, str], Twin | None]
"""Looks up what is known already of some content, by its SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An input that has been read, and decoded if its picture is new to the collection.

    Attributes:
        candidate: where it came from.
        content: what it holds, without the encoded picture.
        hashes: SHA-256 by kind of what it has to embed.
        twins: what the collection already has for that content, by kind.
        picture: decoded, at reduced scale; None if there is no new picture.
        size: width and height of the picture as shown; 0 for a text.
        thumbnail: WebP bytes of the picture, new or known.
        mark: by which the file says that a model made the picture, in words; None if there is none.
        embeddings: (dim,) float32 by kind, where whoever read it has encoded it too.
    """

    candidate: Candidate
    content: Content
    hashes: Mapping[Kind, str]
    twins: Mapping[Kind, Twin]
    picture: Image.Image | None
    size: tuple[int, int]
    thumbnail: bytes | None
    mark: str | None
    embeddings: Mapping[Kind, Embeddings] = field(default_factory=dict)


def read_candidate(
    candidate: Candidate, *, side: int, find_twin: FindTwin, stop: threading.Event
) -> Ready | Failure:
    """Read one input; whatever is wrong with it becomes a Failure, so that one bad file never stops a run.

    Args:
        candidate: the input.
        side: pixels of the shorter side that its picture is decoded at, at least.
        find_twin: finds what is known already of its content.
        stop: set where nobody wants it any more.
    """
    try:
        if stop.is_set():
            return Failure(path=candidate.key, reason="the run was stopped")
        return _read(candidate, side, find_twin)
    except (UnreadableImage, UnreadableSource) as error:
        return Failure(path=candidate.key, reason=error.reason)
    except FindmakeError:  # the collection itself is in trouble: that does stop the run
        raise
    except MemoryError:
        return Failure(path=candidate.key, reason="there is not enough memory to read it")
    except OSError as error:
        return Failure(path=candidate.key, reason=error.strerror or str(error))
    except Exception as error:  # noqa: BLE001 -- the per-file boundary: recorded with its reason
        return Failure(path=candidate.key, reason=f"{type(error).__name__}: {error}")


def _read(candidate: Candidate, side: int, find_twin: FindTwin) -> Ready:
    content = candidate.load()
    hashes: dict[Kind, str] = {}
    if content.image is not None:
        hashes["image"] = hashlib.sha256(content.image).hexdigest()
    if content.embedded_text:
        hashes["text"] = hashlib.sha256(content.embedded_text.encode("utf-8", "replace")).hexdigest()
    if not hashes:
        raise UnreadableSource(candidate.key, "it has neither a picture nor a text")
    found = {kind: find_twin(kind, sha256) for kind, sha256 in hashes.items()}
    twins = {kind: twin for kind, twin in found.items() if twin is not None}
    picture, size, small = None, (0, 0), None
    if "image" in twins:
        twin = twins["image"]
        size, small = (twin.width, twin.height), twin.thumbnail
    elif content.image is not None:
        decoded = decode_image(content.image, name=candidate.key, shorter_side=side)
        picture, size = decoded.image, (decoded.width, decoded.height)
        small = thumbnail(picture, THUMBNAIL_SIDE)
    attributes = _with_time(content)
    mark = None if content.image is None else find_mark(content.image)
    light = replace(content, image=None, attributes=attributes)  # the encoded bytes are no longer needed
    return Ready(
        candidate=candidate,
        content=light,
        hashes=hashes,
        twins=twins,
        picture=picture,
        size=size,
        thumbnail=small,
        mark=None if mark is None else str(mark),
    )


def _with_time(content: Content) -> Mapping[str, Attribute]:
    """Add when the picture was taken, unless its source tells that itself."""
    known = any(name.lower() == "taken" for name in content.attributes)
    taken = None if known or content.image is None else taken_at(content.image)
    return content.attributes if taken is None else {**content.attributes, "taken": taken}


def encode(encoder: Encoder, inputs: Sequence[Ready]) -> list[dict[Kind, Embeddings]]:
    """Give each input its embeddings by kind: those that are known, the others encoded in one batch."""
    embeddings: list[dict[Kind, Embeddings]] = [
        {**entry.embeddings, **{kind: twin.embedding for kind, twin in entry.twins.items()}}
        for entry in inputs
    ]
    with_image = [i for i in _lacking(inputs, embeddings, "image") if inputs[i].picture is not None]
    pictures = [picture for picture in (inputs[i].picture for i in with_image) if picture is not None]
    if pictures:
        for i, row in zip(with_image, encoder.encode_images(pictures), strict=True):
            embeddings[i]["image"] = row
    with_text = _lacking(inputs, embeddings, "text")
    if with_text:
        texts = [inputs[i].content.embedded_text for i in with_text]
        for i, row in zip(with_text, encode_whole_texts(encoder, texts), strict=True):
            embeddings[i]["text"] = row
    return embeddings


def _lacking(inputs: Sequence[Ready], made: Sequence[Mapping[Kind, Embeddings]], kind: Kind) -> list[int]:
    """List the places of inputs that have something of a kind, but no embedding of it yet."""
    return [i for i, entry in enumerate(inputs) if kind in entry.hashes and kind not in made[i]]
