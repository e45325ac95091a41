"""Pictures by id: caching, parts of files, and files that are no longer what they were."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.colour_pictures import encoded
from tests.image_files import KINDS
from tests.served import serving
from ui.api.routes.pictures import kind_of, parse_range


@pytest.fixture
def http(tmp_path):
    with (
        serving(tmp_path) as (address, service),
        httpx.Client(base_url=address, timeout=20, trust_env=False) as http,
    ):
        http.service = service
        yield http


@given(st.text() | st.from_regex(r"bytes=[0-9]{0,4}-[0-9]{0,4}", fullmatch=True), st.integers(0, 2_000))
def test_a_range_lies_within_the_file_or_is_ignored(header, size):
    found = parse_range(header, size)
    if found is not None:
        start, end = found
        assert start >= end or 0 <= start < end <= size


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 100)),
        ("bytes=5-1000", (5, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=-0", (100, 100)),
        ("bytes=100-", (100, 100)),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=-", None),
        ("bytes=\u0661-2", None),
    ],
)
def test_ranges_are_read_as_the_standard_says(header, expected):
    assert parse_range(header, 100) == expected


def test_parts_laid_end_to_end_are_the_file(http):
    whole = http.get("/items/1/image")
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["x-content-type-options"] == "nosniff"
    size, parts = len(whole.content), []
    for start in range(0, size, 50):
        part = http.get("/items/1/image", headers={"Range": f"bytes={start}-{start + 49}"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {start}-{min(start + 50, size) - 1}/{size}"
        parts.append(part.content)
    assert b"".join(parts) == whole.content == encoded("black", 0)
    beyond = http.get("/items/1/image", headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize("path", ["/items/1/thumbnail", "/items/1/image", "/items/1/image?side=64"])
def test_a_copy_that_is_still_good_is_not_sent_again(http, path):
    first = http.get(path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"].startswith("private")
    for held in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = http.get(path, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_changed_file_has_another_tag_and_a_lost_one_is_told_of(http):
    from pathlib import Path

    path = Path(http.service.collection.item(2).path)
    kept = path.read_bytes()
    try:
        before = http.get("/items/2/image").headers["etag"]
        path.write_bytes(encoded("white", 9))
        assert http.get("/items/2/image", headers={"If-None-Match": before}).content == encoded("white", 9)
        path.write_bytes(b"<script>alert(1)</script>")
        changed = http.get("/items/2/image")
        assert changed.headers["content-type"] == "application/octet-stream"
        assert "sandbox" in changed.headers["content-security-policy"]
        assert http.get("/items/2/image?side=64").status_code == 400
        path.unlink()
        path.mkdir()
        assert http.get("/items/2/image").status_code == 404
        path.rmdir()
        lost = http.get("/items/2/image")
        assert lost.status_code == 404
        assert str(path.parent) not in lost.text
        assert http.get("/items/2/thumbnail").status_code == 200
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize(("kind", "data"), KINDS)
def test_a_picture_is_known_by_its_first_bytes(kind, data):
    media_type, suffix = kind_of(data[:32])
    assert media_type == f"image/{kind.lower()}"
    assert suffix.startswith(".")
