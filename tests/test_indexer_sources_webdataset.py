"""A tar archive of samples is indexed sample by sample, and read at any place."""

import io
import json
import pickle
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from indexer import open_source
from indexer.errors import UnreadableImage, UnreadableSource
from indexer.items import Failure
from tests.tables import jpeg, scan


def shard(path, samples, *, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in samples:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def many(count):
    for n in range(count):
        yield f"./train/{n:04}.jpg", jpeg(n)
        yield f"./train/{n:04}.txt", f"a caption {n}".encode()
        yield (
            f"./train/{n:04}.json",
            json.dumps({"title": f"Thing {n}", "price": n / 2, "tags": ["x", "y"]}).encode(),
        )


def test_files_of_one_name_are_one_item(tmp_path):
    path = shard(tmp_path / "0000.tar", many(30))
    source, found = scan(path)
    assert [each.key for each in found[:2]] == [f"{path}#train/0000", f"{path}#train/0001"]
    assert len({each.fingerprint for each in found}) == 30
    content = found[7].load()
    assert (content.image, content.text, content.title) == (jpeg(7), "a caption 7", "Thing 7")
    assert content.title_is_text
    assert content.attributes == {"price": 3.5, "tags": "x, y"}
    assert source.owns(f"{path}#train/0003")
    assert not source.owns(str(tmp_path / "a.jpg"))


def test_samples_are_read_in_any_order_by_threads_and_in_other_processes(tmp_path):
    _, found = scan(shard(tmp_path / "0000.tar", many(60)))
    there = pickle.loads(pickle.dumps(found))  # noqa: S301 - as Ray does
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda each: each.load().image, reversed(there))) == [
            jpeg(n) for n in range(59, -1, -1)
        ]


def test_other_shapes_of_samples(tmp_path):
    path = shard(
        tmp_path / "a.tar",
        [
            ("one.png", b"picture"),
            ("two.txt", b"only words"),
            ("three.json", b'["no", "object"]'),
            ("four.npy", b"numbers"),
            ("five.jpg", jpeg(5)),
            ("five.cls", b"3"),
            ("dir.v2/six.seg.png", b"mask"),
            ("dir.v2/six.jpg", jpeg(6)),
            ("dir.v2/.hidden", b""),
            ("seven.json", b"{broken"),
            ("eight.json", json.dumps({"caption": "a red bag"}).encode()),
        ],
    )
    _, found = scan(path)
    by_key = {
        (each.path if isinstance(each, Failure) else each.key).rpartition("#")[2]: each for each in found
    }
    assert list(by_key) == ["one", "two", "three", "four", "five", "dir.v2/six", "seven", "eight"]
    assert by_key["four"].reason == "it has neither a picture nor a text"
    assert by_key["two"].load().text == "only words"
    assert by_key["two"].load().title == "two"
    assert by_key["five"].load().attributes == {"label": 3}
    assert by_key["dir.v2/six"].load().image == jpeg(6)
    assert by_key["eight"].load().text == "a red bag"
    with pytest.raises(UnreadableSource, match="JSON"):
        by_key["seven"].load()


def test_what_is_no_plain_archive_is_told(tmp_path):
    (tmp_path / "no.tar").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(UnreadableSource, match="plain tar"):
        scan(tmp_path / "no.tar")
    packed = shard(tmp_path / "packed.tar", many(3), mode="w:gz")
    with pytest.raises(UnreadableSource, match="plain tar"):
        scan(packed)


def test_an_archive_that_is_cut_off_loses_no_items(tmp_path):
    path = shard(tmp_path / "a.tar", many(40))
    source, found = scan(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    _, again = scan(path)
    assert 0 < len(again) < 40
    source = open_source(path)
    list(source.scan())
    with pytest.raises(UnreadableImage, match="cut off"):
        found[39].load()


def test_an_archive_is_indexed_and_found_unchanged(index, collection, tmp_path):
    path = shard(tmp_path / "a.tar", many(12))
    assert index(path).added == 12
    report = index(path, tmp_path)
    assert (report.unchanged, report.removed, report.added) == (12, 0, 0)
    shard(path, many(10))
    report = index(path)
    assert (report.unchanged, report.removed) == (10, 2)
