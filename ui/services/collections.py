"""The collections that one page offers: those that lie beside the one that the settings name."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from indexer import Collection, CollectionNotFound, FindmakeError, list_collections

from ..settings import Settings

_NAME = re.compile(r"\w[\w .-]{0,62}")
_BEGUN = "jobs.sqlite"  # what a collection that is being made has before all else
_KEPT = 64


class UnusableName(FindmakeError):
    """A collection cannot be called so."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"A collection cannot be called {name!r}: {reason}. Choose another name.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A collection, as it is listed.

    Attributes:
        name: of its folder.
        folder: where it lies.
        items: how many it holds, without what stands apart.
        model: the name of its encoder; empty if it cannot be opened.
        trouble: why it cannot be opened, in a sentence; empty if it can.
    """

    name: str
    folder: Path
    items: int = 0
    model: str = ""
    trouble: str = ""


class Places:
    """Looks at the collections of a folder; what has not changed is not opened again.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[Path, tuple[int, ...]], Place] = OrderedDict()

    def all(self, settings: Settings) -> list[Place]:
        """List the collections beside that of the settings, by name.

        Raises:
            StorageFailure: their folder cannot be looked into.
        """
        return [self._look(folder) for folder in list_collections(root_of(settings))]

    def _look(self, folder: Path) -> Place:
        key = folder, _stamp(folder)
        found = self._seen.get(key) or _open(folder)
        self._seen[key] = found
        while len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        return found


def root_of(settings: Settings) -> Path:
    """Tell the folder whose collections are offered."""
    return settings.collection.parent


def choose(settings: Settings, name: str) -> Settings:
    """Take another collection than that of the settings, by its name; none for theirs.

    Args:
        settings: of the process.
        name: of a collection beside theirs, or of one that is being made there.

    Raises:
        CollectionNotFound: there is none of this name.
    """
    if not name or name == settings.collection.name:
        return settings
    folder = root_of(settings) / name
    if not _NAME.fullmatch(name) or not folder.is_dir():
        raise CollectionNotFound(folder)
    if folder not in list_collections(root_of(settings)) and not (folder / _BEGUN).is_file():
        raise CollectionNotFound(folder)
    return replace(settings, collection=folder)


def begin(settings: Settings, name: str) -> Settings:
    """Make the folder of a new collection beside that of the settings; give settings that name it.

    Args:
        settings: of the process.
        name: of the collection.

    Raises:
        UnusableName: it is taken, or no name for a folder.
    """
    name = name.strip()
    if not _NAME.fullmatch(name) or name.endswith((".", " ")):
        reason = (
            "a name has 1 to 63 letters, digits, blanks, dots, dashes or underscores, and begins with one"
        )
        raise UnusableName(name, reason)
    folder = root_of(settings) / name
    if folder in list_collections(root_of(settings)):
        raise UnusableName(name, "there is a collection of this name")
    if folder.exists() and not (folder / _BEGUN).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UnusableName(name, "there is a folder or file of this name that is no collection")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableName(name, error.strerror or str(error)) from error
    return replace(settings, collection=folder)


def _stamp(folder: Path) -> tuple[int, ...]:
    """Tell one state of a collection's files from another."""
    files = (folder / "findmake.sqlite", folder / "findmake.sqlite-wal", folder / "server.url")
    found = (file.stat() for file in files if file.exists())
    return tuple(number for status in found for number in (status.st_mtime_ns, status.st_size))


def _open(folder: Path) -> Place:
    try:
        collection = Collection.open(folder)
        try:
            return Place(name=folder.name, folder=folder, items=len(collection), model=collection.spec.name)
        finally:
            collection.close()
    except FindmakeError as error:
        return Place(name=folder.name, folder=folder, trouble=str(error))
