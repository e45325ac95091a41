"""A folder as a source: every picture and text below it, each once, in a stable order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UnreadableSource
from ..images.decode import IMAGE_SUFFIXES
from ..items import Failure
from .base import Candidate
from .files import CAPTION_SUFFIX, FILE_SUFFIXES, file_candidate, suffix_of
from .table import TABLE_SUFFIXES
from .webdataset import ARCHIVE_SUFFIXES

# What cameras, file servers and tools leave behind; names in lower case. Names with a dot are hidden anyway.
JUNK_NAMES = frozenset(
    {"@eadir", "@recycle", "#recycle", "#snapshot", "__macosx", "$recycle.bin", "lost+found"}
    | {"system volume information", "node_modules", "__pycache__", "thumbs", "thumbs.db"}
)

# The key of a row may end like a picture: "products.csv#images/a.jpg"
_INSIDE = "|".join(map(re.escape, sorted(TABLE_SUFFIXES | ARCHIVE_SUFFIXES)))
_TABLE_ROW = re.compile(f"(?:{_INSIDE})#", re.IGNORECASE)


@dataclass(slots=True)
class _Listing:
    """One folder's entries that matter, by name."""

    files: dict[str, os.stat_result] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


class FolderSource:
    """A folder given to ``index``, with everything below it.

    Links are followed, but not to folders around the root, and whatever is listed under its own name below
    the root, or was reached by another link, is not listed again. Hidden and junk names are skipped.

    Args:
        path: absolute path of the folder.
    """

    def __init__(self, path: str) -> None:
        self._root = path
        self._real_root = os.path.realpath(path)
        self._unlisted: set[str] = set()
        self._linked: set[str] = set()

    @property
    def root(self) -> str:
        """Absolute path as given."""
        return self._root

    def scan(self) -> Iterator[Candidate | Failure]:
        """List pictures and texts, a folder's files before its subfolders, by name.

        Raises:
            UnreadableSource: the folder is away or cannot be listed.
        """
        self._real_root = os.path.realpath(self._root)
        self._unlisted.clear()
        self._linked.clear()
        try:
            listing = self._list(self._root)
        except OSError as error:
            raise UnreadableSource(self._root, _reason(error)) from error
        yield from self._walk(listing)

    def owns(self, key: str) -> bool:
        """Say whether the key is of a visible file of a known kind, in a part that was listed."""
        top = _below(self._root)
        named = key.startswith(top) and suffix_of(Path(key).name) in FILE_SUFFIXES
        if not named or _TABLE_ROW.search(key):
            return False
        names = Path(key[len(top) :]).parts
        if any(map(_skipped, names)):
            return False
        path = self._root
        for name in names:
            path = _below(path) + name
            if path in self._unlisted:
                return False
        return True

    def _walk(self, listing: _Listing) -> Iterator[Candidate | Failure]:
        """Go through the tree with a stack of our own: folders may lie deeper than Python recurses."""
        waiting: list[str] = []
        while True:
            yield from listing.failures
            yield from _candidates(listing.files)
            waiting.extend(reversed(listing.folders))
            if not waiting:
                return
            folder = waiting.pop()
            try:
                listing = self._list(folder)
            except OSError as error:
                self._unlisted.add(folder)
                listing = _Listing(failures=[Failure(path=folder, reason=_reason(error))])

    def _list(self, folder: str) -> _Listing:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        listing = _Listing()
        within = folder != self._root and self._is_linked(folder)
        for entry in found:
            if not _skipped(entry.name):
                self._sort_in(entry, listing, linked=within)
        return listing

    def _sort_in(self, entry: os.DirEntry[str], listing: _Listing, *, linked: bool) -> None:
        """Put an entry where it belongs; what cannot be looked at becomes a failure."""
        try:
            is_folder = entry.is_dir()
            if not is_folder and suffix_of(entry.name) not in FILE_SUFFIXES and not _broken(entry):
                return
            if not entry.name.isascii():
                entry.name.encode("utf-8")
            status = entry.stat()  # of a broken link: raises
            if (linked or entry.is_symlink()) and not self._first_visit(entry.path):
                return
        except UnicodeEncodeError:
            shown = entry.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            listing.failures.append(Failure(path=shown, reason="its name is not valid UTF-8; rename it"))
        except OSError as error:
            self._unlisted.add(entry.path)
            reason = "the link leads nowhere" if entry.is_symlink() else _reason(error)
            listing.failures.append(Failure(path=entry.path, reason=reason))
        else:
            if is_folder:
                listing.folders.append(entry.path)
            elif entry.is_file():
                listing.files[entry.path] = status

    def _is_linked(self, folder: str) -> bool:
        """Say whether a folder was reached through a link, so that its real place lies elsewhere."""
        unlinked = self._real_root.rstrip(os.sep) + folder[len(self._root.rstrip(os.sep)) :]
        return os.path.realpath(folder) != unlinked

    def _first_visit(self, path: str) -> bool:
        """Say whether something behind a link is neither listed under its own name nor under another link."""
        real = os.path.realpath(path)
        if _below(self._real_root).startswith(_below(real)) or real in self._linked:
            return False  # the root itself or a folder around it, or been there
        if real.startswith(_below(self._real_root)):
            names = Path(real[len(_below(self._real_root)) :]).parts
            if not any(map(_skipped, names)):
                return False
        self._linked.add(real)
        return True


def _candidates(files: dict[str, os.stat_result]) -> Iterator[Candidate]:
    """Pair pictures with their captions; a caption is no item of its own."""
    found = [path for path in files if path.lower().endswith(CAPTION_SUFFIX)]
    pairs = 0 < len(found) < len(files)
    texts = {path[: -len(CAPTION_SUFFIX)]: path for path in found} if pairs else {}
    captions: dict[str, str] = {}
    for path in files if pairs else ():
        stem, suffix = os.path.splitext(path)  # noqa: PTH122 - strings all along, for speed
        caption = texts.get(path) or texts.get(stem)
        if suffix.lower() in IMAGE_SUFFIXES and caption:
            captions[path] = caption
    used = set(captions.values())
    for path, status in files.items():
        if path not in used:
            sidecar = captions.get(path)
            yield file_candidate(path, status, None if sidecar is None else (sidecar, files[sidecar]))


def _skipped(name: str) -> bool:
    return name.startswith(".") or name.lower() in JUNK_NAMES


def _broken(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110 - strings all along


def _below(folder: str) -> str:
    return folder if folder.endswith(os.sep) else folder + os.sep


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is not there (removed, renamed, or on a drive that is away)"
    if isinstance(error, PermissionError):
        return "it may not be read (permission denied)"
    if isinstance(error, NotADirectoryError):
        return "it is not a folder"
    return error.strerror or str(error)
