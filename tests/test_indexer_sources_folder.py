"""A folder lists every picture and text below it once, in a stable order, and says what it could not list."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.errors import UnreadableImage, UnreadableSource
from indexer.items import Failure
from indexer.sources import Candidate, open_source
from indexer.sources.texts import decode_text, readable


def picture(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".png": "PNG", ".gif": "GIF"}.get(path.suffix.lower(), "JPEG")
    Image.new("RGB", (8, 6), colour).save(path, kind)
    return path


def words(path, text="some words"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def scan(root):
    source = open_source(root)
    return source, list(source.scan())


def listed(root):
    """Paths relative to the root, with / as separator; failures as (path, reason)."""
    _, found = scan(root)
    return [
        os.path.relpath(c.key, root)
        if isinstance(c, Candidate)
        else (os.path.relpath(c.path, root), c.reason)
        for c in found
    ]


# ---- what is listed


def test_files_before_folders_in_name_order_at_every_depth(tmp_path):
    for name in ["b.jpg", "a.png", "z.txt", "sub/2.gif", "sub/1.jpg", "sub/deep/er/x.jpg", "Another/y.md"]:
        (words if name.endswith(("txt", "md")) else picture)(tmp_path / name)
    assert listed(tmp_path) == [
        *("a.png", "b.jpg", "z.txt", "Another/y.md", "sub/1.jpg", "sub/2.gif", "sub/deep/er/x.jpg"),
    ]
    assert listed(tmp_path) == listed(tmp_path)


def test_suffixes_in_any_case_and_no_others(tmp_path):
    kept = ["a.JPG", "b.Jpeg", "c.PnG", "d.TXT", "e.HEIC", "f.Md", "g.AVIF", "h.TIF"]
    for name in [*kept, "i.py", "j", "k.jpg.bak", "l.pdf", "jpg"]:
        words(tmp_path / name)
    assert listed(tmp_path) == kept


def test_hidden_and_junk_are_skipped_but_not_above_the_root(tmp_path):
    root = tmp_path / ".hidden" / "node_modules" / "photos"
    for name in [
        "@eaDir/a.jpg",
        "__MACOSX/a.jpg",
        "$RECYCLE.BIN/a.jpg",
        "node_modules/a.jpg",
        "Thumbs/a.jpg",
    ]:
        picture(root / name)
    for name in [".git/a.jpg", "._a.jpg", ".a.jpg", "sub/.b/a.jpg", "good.jpg"]:
        picture(root / name)
    assert listed(root) == ["good.jpg"]


def test_unicode_and_awkward_names(tmp_path):
    names = ["Ärger.jpg", "写真.png", "a b#c?.jpg", "e\u0301.jpg", "line\nbreak.jpg", "🐈.jpg"]
    for name in names:
        picture(tmp_path / name)
    assert listed(tmp_path) == sorted(names)


def test_names_that_are_not_utf8_are_failures(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"x")
    (tmp_path / os.fsdecode(b"dir\xe9")).mkdir()
    _, found = scan(tmp_path)
    assert [type(f) for f in found] == [Failure, Failure]
    assert all("UTF-8" in f.reason for f in found)
    assert all(f.path.encode("utf-8") for f in found)


def test_deep_trees_do_not_overflow(tmp_path):
    folder = tmp_path
    for _ in range(300):
        folder = folder / "d"
    folder.mkdir(parents=True)
    words(folder / "a.txt")
    assert len(listed(tmp_path)) == 1


# ---- links


def test_symlink_loops_end_and_list_each_file_once(tmp_path):
    root = tmp_path / "outer" / "root"
    picture(root / "sub" / "a.jpg")
    picture(tmp_path / "outer" / "not-ours.jpg")
    (root / "sub" / "loop").symlink_to(root)
    (root / "aaa").symlink_to(root / "sub")
    (root / "aaa.jpg").symlink_to(root / "sub" / "a.jpg")
    (root / "up").symlink_to(tmp_path / "outer")  # would take in all around the root
    (root / "sub" / "self.jpg").symlink_to(root / "sub" / "self.jpg")
    found = listed(root)
    assert [f for f in found if isinstance(f, str)] == ["sub/a.jpg"]
    assert [f[0] for f in found if isinstance(f, tuple)] == ["sub/self.jpg"]


def test_links_to_elsewhere_are_followed_once(tmp_path):
    root, away = tmp_path / "root", tmp_path / "away"
    root.mkdir()
    picture(away / "x" / "a.jpg")
    picture(away / "b.jpg")
    (root / "1").symlink_to(away / "x")
    (root / "2").symlink_to(away)
    (root / "3.jpg").symlink_to(away / "b.jpg")
    (away / "x" / "back").symlink_to(root)
    assert listed(root) == ["3.jpg", "1/a.jpg"]


def test_link_into_a_hidden_folder_counts_under_the_link(tmp_path):
    picture(tmp_path / ".store" / "a.jpg")
    (tmp_path / "shown").symlink_to(tmp_path / ".store")
    assert listed(tmp_path) == ["shown/a.jpg"]


def test_root_that_is_itself_a_link_keeps_its_name(tmp_path):
    picture(tmp_path / "real" / "sub" / "a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    source, found = scan(tmp_path / "link")
    assert [c.key for c in found] == [str(tmp_path / "link" / "sub" / "a.jpg")]
    assert source.owns(found[0].key)


def test_broken_link_is_a_failure_and_nothing_below_counts_as_gone(tmp_path):
    (tmp_path / "album").symlink_to(tmp_path / "drive-that-is-away")
    source, found = scan(tmp_path)
    assert [(f.path, f.reason) for f in found] == [(str(tmp_path / "album"), "the link leads nowhere")]
    assert not source.owns(str(tmp_path / "album" / "a.jpg"))
    assert source.owns(str(tmp_path / "other" / "a.jpg"))


# ---- what could not be listed


def test_unlistable_subfolder_is_a_failure_and_not_owned(tmp_path, monkeypatch):
    picture(tmp_path / "locked" / "in" / "a.jpg")
    picture(tmp_path / "open" / "b.jpg")
    real = os.scandir

    def scandir(path):
        if str(path) == str(tmp_path / "locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    source, found = scan(tmp_path)
    assert [os.path.relpath(getattr(f, "key", None) or f.path, tmp_path) for f in found] == [
        "locked",
        "open/b.jpg",
    ]
    assert "permission" in found[0].reason
    assert not source.owns(str(tmp_path / "locked" / "in" / "a.jpg"))
    assert source.owns(str(tmp_path / "open" / "gone.jpg"))
    monkeypatch.undo()
    list(source.scan())
    assert source.owns(str(tmp_path / "locked" / "in" / "a.jpg"))


def test_root_that_is_away_or_locked_raises(tmp_path, monkeypatch):
    with pytest.raises(UnreadableSource, match="does not exist") as caught:
        open_source(tmp_path / "no" / "such")
    assert str(tmp_path) in caught.value.reason
    (tmp_path / "root").mkdir()
    source = open_source(tmp_path / "root")
    (tmp_path / "root").rmdir()
    with pytest.raises(UnreadableSource, match="away"):
        list(source.scan())


def test_owns_only_what_it_would_list(tmp_path):
    (tmp_path / "a").mkdir()
    source, _ = scan(tmp_path / "a")
    below = tmp_path / "a"
    assert source.owns(str(below / "x.JPG"))
    assert source.owns(str(below / "sub" / "x.txt"))
    for key in [tmp_path / "ab" / "x.jpg", below, below / ".h" / "x.jpg", below / "x.py", below / "t.csv#3"]:
        assert not source.owns(str(key))
    assert not source.owns(str(below / "t.csv#pictures/x.jpg"))


def test_unsupported_file_names_what_is_supported(tmp_path):
    with pytest.raises(UnreadableSource, match=r"\.docx.*\.csv.*\.jpg"):
        open_source(words(tmp_path / "a.docx"))


# ---- contents


def load(path):
    (candidate,) = open_source(path).scan()
    return candidate.load()


def test_picture_content(tmp_path):
    path = picture(tmp_path / "red_running-shoe_2019-05-03.JPG")
    content = load(path)
    assert content.image == path.read_bytes()
    assert content.title == "red running shoe 2019-05-03"
    assert (content.text, content.embedded_text) == ("", "")


def test_text_content(tmp_path):
    content = load(words(tmp_path / "my_notes.md", "\ufeff# Tea\r\nand cake\r\n"))
    assert (content.image, content.title, content.text) == (None, "my notes", "# Tea\nand cake")


@pytest.mark.parametrize("sidecar", ["a.txt", "a.jpg.txt", "a.TXT"])
def test_caption_sidecar_belongs_to_its_picture(tmp_path, sidecar):
    picture(tmp_path / "a.jpg")
    before = scan(tmp_path)[1][0].fingerprint
    words(tmp_path / sidecar, "a red square\n")
    words(tmp_path / "other.txt")
    _, found = scan(tmp_path)
    assert [Path(c.key).name for c in found] == ["a.jpg", "other.txt"]
    content = found[0].load()
    assert (content.title, content.text) == ("a", "a red square")
    assert content.image is not None
    assert found[0].fingerprint != before
    words(tmp_path / sidecar, "a very red square\n")
    assert scan(tmp_path)[1][0].fingerprint != found[0].fingerprint
    (single,) = open_source(tmp_path / "a.jpg").scan()
    assert single.load().text == "a very red square"


def test_one_caption_may_serve_two_pictures(tmp_path):
    for name in ["a.jpg", "a.png"]:
        picture(tmp_path / name)
    words(tmp_path / "a.txt", "both")
    assert [c.load().text for c in scan(tmp_path)[1]] == ["both", "both"]


def test_fingerprint_follows_size_and_time(tmp_path):
    path = picture(tmp_path / "a.jpg")
    first, again = (scan(tmp_path)[1][0].fingerprint for _ in range(2))
    assert first == again
    os.utime(path, ns=(1, 1))
    assert scan(tmp_path)[1][0].fingerprint != first


def test_unreadable_contents_raise_when_loaded(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(256)))
    words(tmp_path / "b.txt", "  \n")
    (tmp_path / "c.jpg").write_bytes(b"")
    (tmp_path / "c.jpg").unlink()
    picture(tmp_path / "d.jpg")
    _, found = scan(tmp_path)
    (tmp_path / "d.jpg").unlink()
    reasons = []
    for candidate in found:
        with pytest.raises((UnreadableSource, UnreadableImage)) as caught:
            candidate.load()
        reasons.append(caught.value.reason)
    assert [r.split()[-1] for r in reasons] == ["text", "text", "file"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_text_encodings(encoding):
    assert decode_text("Käse ± 5 €".encode(encoding), name="x") == "Käse ± 5 €"


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_text_or_a_reason(data):
    try:
        text = decode_text(data, name="x")
    except UnreadableSource:
        return
    assert text.encode("utf-8").decode("utf-8") == text
    assert "\0" not in text


@given(st.text(min_size=1, max_size=30))
def test_readable_never_empties_a_name(stem):
    assert readable(stem)
