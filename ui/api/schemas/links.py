"""Where an item's pictures are to be had: by its id, never by a path."""

from __future__ import annotations

from indexer import Item


def thumbnail_of(item: Item) -> str | None:
    """Address of the small picture; None for a text."""
    return f"items/{item.id}/thumbnail" if "image" in item.kinds else None


def image_of(item: Item) -> str | None:
    """Address of the original picture; None for a text, and for a picture that lies inside a table."""
    return f"items/{item.id}/image" if "image" in item.kinds and item.path is not None else None
