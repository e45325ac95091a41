"""A shard of a WebDataset: a tar archive in which files of one name and several endings are one item."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ..errors import UnreadableImage, UnreadableSource
from ..images.decode import IMAGE_SUFFIXES, MAX_FILE_BYTES
from ..items import Attribute, Failure
from .base import Candidate, Content
from .columns import Columns, assign
from .texts import MAX_TEXT_BYTES, clean, decode_text, readable
from .values import attribute, plain

ARCHIVE_SUFFIXES = frozenset({".tar"})

_TEXTS = (".txt", ".caption", ".text")  # the first that is there is the caption
_LABELS = (".cls", ".cls.txt")


class _Member(NamedTuple):
    """Where a file lies in the archive; read from there without looking at the rest."""

    name: str
    offset: int
    size: int
    stamp: str

    @property
    def key(self) -> str:
        """A sample is named up to the first dot of its files' names."""
        path = PurePosixPath(self.name)
        return str(path.with_name(path.name.partition(".")[0]))

    @property
    def ending(self) -> str:
        """All from the first dot on, in lower case."""
        return "".join(PurePosixPath(self.name).name.lower().partition(".")[1:])


class WebdatasetSource:
    """A tar archive as WebDataset writes them: ``0001.jpg``, ``0001.txt`` and ``0001.json`` are one item.

    The text is the caption; what JSON holds becomes title, text and attributes, as a table's columns do. Only
    plain archives can be read at any place; a compressed one must be unpacked once.

    Args:
        path: absolute path of the archive.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._certain = True

    @property
    def root(self) -> str:
        """Absolute path as given."""
        return self._path

    def scan(self) -> Iterator[Candidate | Failure]:
        """List the samples in their order.

        Raises:
            UnreadableSource: the archive is away or is none.
        """
        self._certain = True
        members = self._members()
        try:
            for key, group in groupby(members, key=lambda member: member.key):
                yield self._candidate(key, list(group))
        except (tarfile.TarError, OSError) as error:
            self._certain = False
            yield Failure(path=self._path, reason=f"the archive is damaged from here on ({error})")

    def owns(self, key: str) -> bool:
        """Say whether the key is of a sample of this archive; False after a scan that could not read all."""
        return self._certain and key.startswith(f"{self._path}#")

    def _members(self) -> Iterator[_Member]:
        try:
            archive = tarfile.open(self._path, "r:")  # noqa: SIM115 - closed below
        except (tarfile.TarError, OSError) as error:
            reason = getattr(error, "strerror", None) or f"it is not a plain tar archive ({error})"
            raise UnreadableSource(self._path, reason) from error
        with archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined] # else it keeps every header
                if member.isfile() and not PurePosixPath(member.name).name.startswith("."):
                    stamp = f"{member.size}:{member.mtime:.0f}:{member.offset_data}"
                    yield _Member(clean(member.name), member.offset_data, member.size, stamp)

    def _candidate(self, key: str, members: list[_Member]) -> Candidate | Failure:
        name = f"{self._path}#{key}"
        known = {member.ending: member for member in reversed(members)}
        if not any(ending in IMAGE_SUFFIXES or ending in (*_TEXTS, ".json") for ending in known):
            return Failure(path=name, reason="it has neither a picture nor a text")
        stamps = " ".join(sorted(f"{member.name} {member.stamp}" for member in members))
        return Candidate(
            key=name,
            path=None,
            fingerprint=hashlib.sha256(stamps.encode()).hexdigest()[:32],
            load=partial(_load, self._path, name, known),
        )


def _load(path: str, name: str, known: Mapping[str, _Member]) -> Content:
    image = next((known[ending] for ending in known if ending in IMAGE_SUFFIXES), None)
    written = next((known[ending] for ending in _TEXTS if ending in known), None)
    facts = _facts(path, name, known[".json"]) if ".json" in known else {}
    roles = assign(tuple(facts), Columns())
    title = plain(facts.get(roles.title or ""))
    text = (
        decode_text(_read(path, written, name), name=name) if written else plain(facts.get(roles.text or ""))
    )
    used = (roles.title, roles.text, roles.image)
    attributes: dict[str, Attribute] = {}
    for column, value in facts.items():
        kept = attribute(value)
        if column not in used and kept is not None:
            attributes[clean(column).strip()] = kept
    label = next((known[ending] for ending in _LABELS if ending in known), None)
    if label is not None:
        attributes.setdefault("label", attribute(_read(path, label, name).decode("utf-8", "replace")))
    return Content(
        image=None if image is None else _read(path, image, name),
        title=title or readable(PurePosixPath(name.rpartition("#")[2]).name),
        text=text,
        attributes=attributes,
        title_is_text=bool(title),
    )


def _facts(path: str, name: str, member: _Member) -> dict[str, Any]:
    if member.size > MAX_TEXT_BYTES:
        raise UnreadableSource(
            name, f"its JSON has {member.size >> 20} MiB; the cap is {MAX_TEXT_BYTES >> 20}"
        )
    try:
        found = json.loads(_read(path, member, name))
    except (ValueError, RecursionError) as error:
        raise UnreadableSource(name, f"its JSON cannot be read ({error})") from error
    return found if isinstance(found, dict) else {}


def _read(path: str, member: _Member, name: str) -> bytes:
    if member.size > MAX_FILE_BYTES:
        raise UnreadableImage(name, f"it has {member.size >> 20} MiB; the cap is {MAX_FILE_BYTES >> 20} MiB")
    with Path(path).open("rb") as file:
        file.seek(member.offset)
        data = file.read(member.size)
    if len(data) < member.size:
        raise UnreadableImage(name, "the archive has changed or is cut off")
    return data
