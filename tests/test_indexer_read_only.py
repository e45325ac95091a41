"""A collection in a folder that nobody may write to: it is read as it is, and nothing is written."""

import os
import shutil
import subprocess
import sys

import pytest

from indexer import Collection
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures

pytestmark = pytest.mark.files

LOOK = """
import sys
from pathlib import Path
from indexer import Collection, StorageFailure
from indexer.doctor import examine
from tests.colour_encoder import ColourEncoder
folder, encoder = Path(sys.argv[1]), ColourEncoder()
collection = Collection.open(folder)
print(collection.search(encoder.encode_texts(["red"])[0], 5)["image"].ids.tolist())
try:
    collection.store.set_meta(note="kept")
except StorageFailure as error:
    print(error.reason)
found = examine(folder, open_encoder=lambda _: encoder).findings
print([each.check for each in found if each.state == "trouble"])
"""


@pytest.fixture
def without_rights():
    """What a command begins with, so that permissions hold for it although root runs it."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and there is no setpriv to give that up")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--inh-caps={rights}", f"--bounding-set={rights}"]


@pytest.fixture
def locked(collection, index, tmp_path):
    """A collection and what it answers; afterwards its folder may be written to again."""
    write_pictures(tmp_path / "photos", 20)
    index(tmp_path / "photos")
    expected = collection.search(ColourEncoder().encode_texts(["red"])[0], 5)["image"].ids.tolist()
    collection.close()
    yield collection.folder, expected
    _permit(collection.folder, 0o755, 0o644)


def _permit(folder, for_folder, for_files):
    for path in folder.rglob("*"):
        path.chmod(for_folder if path.is_dir() else for_files)
    folder.chmod(for_folder)


@pytest.mark.parametrize("cached", [True, False])
def test_it_is_searched_and_examined_and_nothing_is_written(locked, without_rights, cached):
    folder, expected = locked
    if not cached:  # the index files are made again, and cannot be kept
        for path in [*folder.glob("*.faiss"), *folder.glob("manifest*")]:
            path.unlink()
    _permit(folder, 0o555, 0o444)
    before = sorted(path.name for path in folder.iterdir())
    command = [*without_rights, sys.executable, "-c", LOOK, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ids, reason, troubles = done.stdout.splitlines()
    assert ids == str(expected)
    assert reason == "attempt to write a readonly database"
    assert troubles == "['lock']"  # which says that nothing can be written
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_another_is_writing_is_seen(locked, without_rights):
    folder, expected = locked
    writer = Collection.open(folder)  # holds the log of what is not in the file yet
    writer.store.set_meta(note="not in the file yet")
    assert (folder / "findmake.sqlite-wal").stat().st_size
    code = LOOK.replace(
        "print(collection.search", "print(collection.store.meta('note'));print(collection.search"
    )
    _permit(folder, 0o555, 0o444)
    command = [*without_rights, sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["not in the file yet", str(expected)]
    writer.close()
