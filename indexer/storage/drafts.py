"""What the pipeline asks the store to do, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..items import Attribute, Embeddings, Kind, Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows of an input from the last run.

    Attributes:
        id: of its item.
        key: of its item.
        fingerprint: of the source's candidate.
        image_sha256: of the encoded bytes of its picture; None for a text.
        text_sha256: of the words that were embedded; None if there were none.
        made: a model made it here, so that no source will ever name it.
    """

    id: int
    key: str
    fingerprint: str
    image_sha256: str | None
    text_sha256: str | None
    made: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An item as it shall stand in the store.

    A kind of embedding is either written (``embeddings``), left as it is (``kept``), or dropped (in neither).

    Attributes:
        id: the item to change; None for a new one.
        key, path, fingerprint, title, text, width, height, attributes, image_sha256, text_sha256: see Item.
        embeddings: (dim,) float32 unit rows by kind.
        kept: kinds whose stored embedding stays.
        thumbnail: WebP bytes, with the embedding of a picture.
        provenance: where the item came from. A new item that a model made here stands apart; of one that is
            there already only the mark of a synthetic picture changes.
    """

    id: int | None
    key: str
    path: str | None
    fingerprint: str
    title: str
    text: str
    width: int
    height: int
    attributes: Mapping[str, Attribute]
    image_sha256: str | None
    text_sha256: str | None
    provenance: Provenance
    embeddings: Mapping[Kind, Embeddings] = field(default_factory=dict)
    kept: frozenset[Kind] = frozenset()
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """What the store already has for some content, under whatever name.

    Attributes:
        embedding: (dim,) float32.
        width, height: of the picture as shown; 0 for a text.
        thumbnail: WebP bytes of a picture.
    """

    embedding: Embeddings
    width: int
    height: int
    thumbnail: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """An item whose content is as it was, though its fingerprint moved.

    Attributes:
        id: of the item.
        fingerprint: the new one.
    """

    id: int
    fingerprint: str
