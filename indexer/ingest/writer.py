"""One batch of inputs that were read: recognised by content, encoded, written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ..collection.collection import Collection
from ..encoders import Encoder
from ..items import KINDS, Embeddings, Failure, Imported, Kind
from ..storage.drafts import Draft, Known, Touch
from .reader import Ready, encode


class Intake:
    """Takes batches of inputs into a collection and counts what became of them.

    Attributes:
        gone: ids of items that no source names any more; those found under another name are taken out.
        marked: pictures whose file says that a model made them.
        added, updated, moved, unchanged, embedded, images, failed: see IndexReport.
    """

    def __init__(self, collection: Collection, encoder: Encoder, *, gone: set[int]) -> None:
        self.gone = gone
        self.added = self.updated = self.moved = self.unchanged = self.embedded = self.images = (
            self.marked
        ) = 0
        self.failed: list[Failure] = []
        self._collection = collection
        self._store = collection.store
        self._encoder = encoder
        self._gone_by_content: dict[str | None, list[Known]] = {}
        for known in sorted(self._store.known(gone).values(), key=lambda known: -known.id):
            content = known.image_sha256 or known.text_sha256
            self._gone_by_content.setdefault(content, []).append(known)

    def take(self, batch: Sequence[Ready | Failure]) -> None:
        """Encode and write one batch in one transaction."""
        self.failed += [entry for entry in batch if isinstance(entry, Failure)]
        inputs = [entry for entry in batch if isinstance(entry, Ready)]
        self.marked += sum(entry.mark is not None for entry in inputs)
        known = self._store.find(entry.candidate.key for entry in inputs)
        before = [known.get(entry.candidate.key) or self._found_again(entry) for entry in inputs]
        embeddings = self._embeddings(inputs)
        drafts: list[Draft] = []
        touches: list[Touch] = []
        for entry, old, found in zip(inputs, before, embeddings, strict=True):
            draft = _draft(entry, old, found)
            if old is not None and old.key == draft.key and self._is_same(draft, old.id):
                touches.append(Touch(id=old.id, fingerprint=draft.fingerprint))
            else:
                drafts.append(draft)
                self._count(draft, old)
        self.unchanged += len(touches)
        self._store.write(drafts, touches)

    def _found_again(self, entry: Ready) -> Known | None:
        """Take a gone item of the same picture, or else the same text: the input was moved or renamed."""
        same = self._gone_by_content.get(entry.hashes.get("image") or entry.hashes["text"])
        if not same:
            return None
        found = same.pop()
        self.gone.discard(found.id)
        return found

    def _embeddings(self, inputs: Sequence[Ready]) -> list[dict[Kind, Embeddings]]:
        """Give each input its embeddings, by an encoder that gives those of this collection."""
        new = [{kind for kind in entry.hashes if kind not in entry.twins} for entry in inputs]
        unmade = [kinds - entry.embeddings.keys() for kinds, entry in zip(new, inputs, strict=True)]
        for kind in KINDS:
            if any(kind in kinds for kinds in unmade):
                self._collection.verify(self._encoder, [kind])
        self.images += sum("image" in kinds for kinds in new)
        self.embedded += sum(len(kinds) for kinds in new)
        return encode(self._encoder, inputs)

    def _count(self, draft: Draft, old: Known | None) -> None:
        if old is None:
            self.added += 1
        elif old.key != draft.key:
            self.moved += 1
        else:
            self.updated += 1

    def _is_same(self, draft: Draft, item_id: int) -> bool:
        """Say whether nothing but the fingerprint of an item has changed."""
        [item] = self._store.items([item_id])
        shown = (draft.title, draft.text, dict(draft.attributes), draft.path)
        same_shown = shown == (item.title, item.text, dict(item.attributes), item.path)
        mine, its = draft.provenance, item.provenance
        if isinstance(mine, Imported) and isinstance(its, Imported) and mine.synthetic != its.synthetic:
            return False  # first indexed by a findmake that did not know this mark yet
        return same_shown and not draft.embeddings and draft.kept == set(item.kinds)


def _draft(entry: Ready, old: Known | None, embeddings: Mapping[Kind, Embeddings]) -> Draft:
    stored = {"image": old.image_sha256, "text": old.text_sha256} if old else {}
    kept = frozenset(kind for kind, sha256 in entry.hashes.items() if stored.get(kind) == sha256)
    return Draft(
        id=old.id if old else None,
        key=entry.candidate.key,
        path=entry.candidate.path,
        fingerprint=entry.candidate.fingerprint,
        title=entry.content.title,
        text=entry.content.text,
        width=entry.size[0],
        height=entry.size[1],
        attributes=entry.content.attributes,
        image_sha256=entry.hashes.get("image"),
        text_sha256=entry.hashes.get("text"),
        provenance=Imported(
            source=entry.candidate.path or entry.candidate.key.rpartition("#")[0],
            at=datetime.now(UTC),
            synthetic=entry.mark,
        ),
        embeddings={kind: row for kind, row in embeddings.items() if kind not in kept},
        kept=kept,
        thumbnail=entry.thumbnail,
    )
