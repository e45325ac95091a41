"""Taking copies out of a collection, so that what people said of them is not lost."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ItemNotFound
from ..storage.tags import USER, Tagging
from .collection import Collection


def remove_copies(collection: Collection, ids: Sequence[int], *, keep: int) -> int:
    """Take items out of the collection in favour of one that stays; their files are not touched.

    The tags that a person gave them go over to the one that stays, first: a crash in between loses nothing.
    As long as the files lie in a folder that is indexed, its next run brings them back.

    Args:
        collection: where they are.
        ids: of the copies; the one that stays is left out of them.
        keep: the one that stays.

    Returns:
        How many were removed; those that are gone already do not count.

    Raises:
        ItemNotFound: the one that stays is not there; nothing was removed.
        CollectionBusy: another process is writing.
        StorageFailure: the database cannot be written.
    """
    gone = [item_id for item_id in dict.fromkeys(ids) if item_id != keep]
    with collection.writing():
        if not collection.store.items([keep]):
            raise ItemNotFound(str(keep))
        said = [
            each.tag for item_id in gone for each in collection.store.taggings(item_id) if each.source == USER
        ]
        if said:
            collection.store.add_tags([Tagging(item_id=keep, tag=tag) for tag in dict.fromkeys(said)])
        return collection.store.remove(gone)
