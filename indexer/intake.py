"""One batch of inputs: read, recognised by content, encoded, written."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from PIL import Image

from .changes import Draft, Known, Touch, Twin
from .collection import THUMBNAIL_SIDE, Collection
from .encoders import Encoder, encode_whole_texts
from .errors import FindmakeError, UnreadableImage, UnreadableSource
from .images import decode_image, taken_at, thumbnail
from .items import Attribute, Embeddings, Failure, Imported, Kind
from .marks import find_mark
from .sources import Candidate, Content


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
    """

    candidate: Candidate
    content: Content
    hashes: Mapping[Kind, str]
    twins: Mapping[Kind, Twin]
    picture: Image.Image | None
    size: tuple[int, int]
    thumbnail: bytes | None
    mark: str | None


def read_candidate(collection: Collection, candidate: Candidate, stop: threading.Event) -> Ready | Failure:
    """Read one input; whatever is wrong with it becomes a Failure, so that one bad file never stops a run."""
    try:
        if stop.is_set():
            return Failure(path=candidate.key, reason="the run was stopped")
        return _read(collection, candidate)
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


def _read(collection: Collection, candidate: Candidate) -> Ready:
    content = candidate.load()
    hashes: dict[Kind, str] = {}
    if content.image is not None:
        hashes["image"] = hashlib.sha256(content.image).hexdigest()
    if content.embedded_text:
        hashes["text"] = hashlib.sha256(content.embedded_text.encode("utf-8", "replace")).hexdigest()
    if not hashes:
        raise UnreadableSource(candidate.key, "it has neither a picture nor a text")
    found = {kind: collection.store.twin(kind, sha256) for kind, sha256 in hashes.items()}
    twins = {kind: twin for kind, twin in found.items() if twin is not None}
    picture, size, small = None, (0, 0), None
    if "image" in twins:
        twin = twins["image"]
        size, small = (twin.width, twin.height), twin.thumbnail
    elif content.image is not None:
        decoded = decode_image(content.image, name=candidate.key, shorter_side=collection.picture_side)
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
        """Give each input its embeddings by kind: those already known by content, the others encoded."""
        embeddings: list[dict[Kind, Embeddings]] = [
            {kind: twin.embedding for kind, twin in entry.twins.items()} for entry in inputs
        ]
        with_picture = [i for i, entry in enumerate(inputs) if entry.picture is not None]
        with_text = [i for i, e in enumerate(inputs) if "text" in e.hashes and "text" not in e.twins]
        pictures = [picture for picture in (entry.picture for entry in inputs) if picture is not None]
        if pictures:
            self._collection.verify(self._encoder, ["image"])
            for i, row in zip(with_picture, self._encoder.encode_images(pictures), strict=True):
                embeddings[i]["image"] = row
        if with_text:
            self._collection.verify(self._encoder, ["text"])
            texts = [inputs[i].content.embedded_text for i in with_text]
            for i, row in zip(with_text, encode_whole_texts(self._encoder, texts), strict=True):
                embeddings[i]["text"] = row
        self.images += len(with_picture)
        self.embedded += len(with_picture) + len(with_text)
        return embeddings

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
