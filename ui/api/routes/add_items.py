"""Adding pictures to the collection, and removing them; in threads."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from indexer import (
    Generated,
    IndexReport,
    Item,
    StorageFailure,
    UnreadableImage,
    decode_image,
    discard,
    index_sources,
    open_source,
    write_whole,
)
from indexer import Progress as Counted
from ui.jobs.runner import Reporter
from ui.services.allowed_paths import NotAllowed, allowed_path

from ..jobs import JobCancelled
from ..problems import ApiError
from ..schemas.jobs import FailedFile, Indexed, Job
from ..schemas.search import Removed
from ..service import UPLOADS, Service
from .pictures import kind_of

_PROBE_SIDE = 32
_LONGEST_NAME = 80
_adding = threading.Lock()  # between writing a file and indexing it nobody else may take it away


def add_picture(here: Service, data: bytes, name: str, text: str) -> tuple[int, bool]:
    """Keep an uploaded picture in a folder of the collection, and index it.

    The folder is named by the content, so the same picture comes to the same place. If indexing fails, the
    file goes again; after a crash in between, the next run finds it.

    Args:
        here: where to.
        data: the file.
        name: its title, or the name that it had.
        text: a caption; may be blank.

    Returns:
        The item's id, and whether it is new.

    Raises:
        UnreadableImage: it is no picture, damaged, or has too many pixels.
        CollectionBusy: another process is writing.
        StorageFailure: the disk is full.
    """
    label = stem_of(name)
    decode_image(data, name=label, shorter_side=_PROBE_SIDE, max_pixels=here.options.most_pixels)
    folder = _uploads(here) / hashlib.sha256(data).hexdigest()[:24]
    with _adding:
        known = _known(here, folder)
        if known is not None:
            return known, False
        path = folder / f"{label}{kind_of(data[:32])[1]}"
        try:
            _write(folder, {path: data, path.with_suffix(".txt"): text.strip().encode()})
            report = here.write(lambda: _index_uploads(here))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        for failure in report.failed:
            if failure.path == str(path):
                shutil.rmtree(folder, ignore_errors=True)
                raise UnreadableImage(label, failure.reason)
        item_id = here.collection.store.find_path(str(path))
    if item_id is None:
        raise ApiError(409, "The picture was removed by somebody else this very moment. Upload it again.")
    return item_id, True


def stem_of(name: str) -> str:
    """Make a file's name, without suffix, from whatever a client calls it: no folders, nothing hidden."""
    last = re.split(r"[/\\]", name)[-1]
    stem = last[: -len(Path(last).suffix)] if Path(last).suffix else last
    plain = re.sub(r"[^\w\- ]+", " ", stem)
    short = " ".join(plain.split()).encode()[:_LONGEST_NAME].decode(errors="ignore")
    return short or "picture"


def _uploads(here: Service) -> Path:
    return here.collection.folder.absolute() / UPLOADS


def _known(here: Service, folder: Path) -> int | None:
    if not folder.is_dir():
        return None
    found = (here.collection.store.find_path(str(path)) for path in sorted(folder.iterdir()))
    return next((item_id for item_id in found if item_id is not None), None)


def _write(folder: Path, files: dict[Path, bytes]) -> None:
    """Write files, each as a whole, the last one first: a caption is there before its picture.

    Raises:
        StorageFailure: the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in reversed(files.items()):
            if data:  # beside under a hidden name: no run takes half a file
                write_whole(path, data, beside=path.with_name(f".{path.name}.part"))
    except OSError as error:
        raise StorageFailure(folder, error.strerror or str(error)) from error


def _index_uploads(here: Service) -> IndexReport:
    return index_sources(here.collection, here.encoder, [open_source(_uploads(here))])


def recaption(here: Service, item_id: int, text: str) -> None:
    """Give an uploaded picture another caption, and index it again; if that fails, the old one stays.

    Raises:
        ItemNotFound: there is no such item.
        ApiError: it was not uploaded, so that its text stands in a file that is none of ours.
        CollectionBusy: another process is writing.
        StorageFailure: the disk is full.
    """
    with _adding:
        kept = here.collection.item(item_id)
        if _uploaded(here, kept) is None or kept.path is None:
            raise ApiError(
                409,
                f"Item {item_id} was not uploaded here. Change its text where it stands, then index it.",
            )
        file = Path(kept.path).with_suffix(".txt")
        before = file.read_bytes() if file.exists() else b""
        try:
            _caption(file, text.strip().encode())
            here.write(lambda: _index_uploads(here))
        except BaseException:
            with suppress(StorageFailure):
                _caption(file, before)
            raise


def _caption(file: Path, data: bytes) -> None:
    if data:
        _write(file.parent, {file: data})
    else:
        file.unlink(missing_ok=True)


# -- registering -----------------------------------------------------------------------------------------


def register(here: Service, path: str) -> Job:
    """Index what is at a path of this machine; as a job.

    Raises:
        ApiError: it is not below a folder that is allowed; whether it exists is not told.
    """
    wanted = _allowed(here, path)

    def work(reporter: Reporter) -> Mapping[str, Any]:
        def on_progress(progress: Counted) -> None:
            if not reporter.tell(done=progress.done, total=progress.total):
                raise JobCancelled

        report = here.write(_indexing(here, wanted, on_progress))
        return {"indexed": _told(report, show_paths=here.options.show_paths).model_dump()}

    return here.jobs.told(here.jobs.start(work, kind="index", title=str(wanted), key=f"index {wanted}"))


def _indexing(here: Service, path: Path, on_progress: Callable[[Counted], None]) -> Callable[[], IndexReport]:
    def run() -> IndexReport:
        return index_sources(here.collection, here.encoder, [open_source(path)], on_progress=on_progress)

    return run


def _allowed(here: Service, path: str) -> Path:
    try:
        return allowed_path(path, here.options.roots)
    except NotAllowed as error:
        raise ApiError(403, str(error)) from None


def _told(report: IndexReport, *, show_paths: bool) -> Indexed:
    failed = [
        FailedFile(name=each.path if show_paths else Path(each.path).name, reason=each.reason)
        for each in report.failed
    ]
    return Indexed(
        added=report.added,
        updated=report.updated,
        moved=report.moved,
        unchanged=report.unchanged,
        removed=report.removed,
        failed=failed,
        notes=list(report.notes) if show_paths else [],
        seconds=report.seconds,
    )


# -- removing --------------------------------------------------------------------------------------------


def remove_item(here: Service, item_id: int) -> Removed:
    """Remove an item; with its file if it was made or uploaded here.

    The file goes first: after a crash in between, the next run removes the item too.

    Raises:
        ItemNotFound: there is no such item.
        CollectionBusy: another process is writing.
    """
    kept = here.collection.item(item_id)
    if isinstance(kept.provenance, Generated):
        here.write(lambda: discard(here.collection, [item_id]))
        return Removed(id=item_id, file=True)
    uploaded = _uploaded(here, kept)

    def remove() -> None:
        with here.collection.writing():
            if uploaded is not None:
                _remove_folder(uploaded)
            here.collection.store.remove([item_id])

    with _adding:
        here.write(remove)
    return Removed(id=item_id, file=uploaded is not None)


def _uploaded(here: Service, kept: Item) -> Path | None:
    """Tell the folder of an item that was uploaded; None of any other."""
    folder = Path(kept.path).parent if kept.path is not None else None
    return folder if folder is not None and folder.parent == _uploads(here) else None


def _remove_folder(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageFailure(folder, error.strerror or str(error)) from error
