"""Reading again what items were made from: pictures from files, tables and archives, texts as stored."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from ..collection.collection import Collection
from ..errors import FindmakeError
from ..images.decode import THUMBNAIL_SIDE, decode_image, read_image_bytes
from ..items import Item
from ..sources import Candidate, Content, open_source


class Originals:
    """Gives pictures and texts of items as they were embedded, whatever has become of their files.

    Safe to use from several threads.

    Args:
        collection: whose items.
        image_size: pixels of the shorter side that the encoder wants.
    """

    def __init__(self, collection: Collection, image_size: int) -> None:
        self._store = collection.store
        self._side = max(image_size, THUMBNAIL_SIDE)
        self._lock = threading.Lock()
        self._inside: dict[str, Callable[[], Content]] | None = None

    def picture(self, item: Item, sha256: str | None) -> tuple[Image.Image | None, bool]:
        """Decode an item's picture, from its thumbnail where the original is away or is another one now.

        Args:
            item: with a picture.
            sha256: of the encoded bytes that it was embedded from; None if that is not known.

        Returns:
            The picture, None if there is none that can be read; and whether it is the original.
        """
        try:
            data = self._bytes(item)
            if data is not None and sha256 in (None, hashlib.sha256(data).hexdigest()):
                return decode_image(data, name=item.key, shorter_side=self._side).image, True
        except Exception:  # noqa: BLE001 -- whatever is wrong with one file, its thumbnail is there
            pass
        try:
            small = self._store.thumbnail(item.id)
            return (None if small is None else decode_image(small, name=item.key).image), False
        except (FindmakeError, OSError):
            return None, False

    def _bytes(self, item: Item) -> bytes | None:
        if item.path is not None:
            return read_image_bytes(Path(item.path))
        with self._lock:  # the first one lists them for all
            if self._inside is None:
                self._inside = self._listed()
        load = self._inside.get(item.key)
        return None if load is None else load().image

    def _listed(self) -> dict[str, Callable[[], Content]]:
        """List what tables and archives hold, by key; those that are away are left out."""
        found: dict[str, Callable[[], Content]] = {}
        for root in map(Path, self._store.roots()):
            if not root.is_file():
                continue
            try:
                entries = open_source(root).scan()
                found |= {
                    entry.key: entry.load
                    for entry in entries
                    if isinstance(entry, Candidate) and entry.path is None
                }
            except (FindmakeError, OSError):
                continue
        return found


def embedded_text(item: Item, sha256: str | None) -> str:
    """Give the words of an item that were embedded; whether its title is among them tells their checksum.

    Args:
        item: with a text.
        sha256: of the words; None if it is not known.

    Returns:
        The words; empty if there are none.
    """
    readings = [
        Content(image=None, title=item.title, text=item.text, title_is_text=titled).embedded_text
        for titled in (False, True)
    ]
    for words in readings:
        if words and hashlib.sha256(words.encode("utf-8", "replace")).hexdigest() == sha256:
            return words
    return readings[0] or readings[1]
