"""The sample catalogue: complete, checked, quick the second time, and honest about what is missing."""

import csv
import importlib
import io
import json
import os
import shutil
import sys
import tarfile
from pathlib import Path
from subprocess import run

import pytest

from indexer.images.decode import load_image
from indexer.sources import open_source

RECIPE = Path(__file__).parents[1] / "data" / "sample"
HAS_SKIMAGE = importlib.util.find_spec("skimage") is not None
needs_skimage = pytest.mark.skipif(not HAS_SKIMAGE, reason="scikit-image (extra: demo) is not installed")


def build(dest, *, npm=True):
    """Run the recipe; without npm the search path leads nowhere."""
    env = os.environ | ({} if npm else {"PATH": str(dest.parent / "nowhere")})
    done = run([sys.executable, RECIPE / "build.py", dest], env=env, capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """The catalogue with products; skipped where npm is missing or offline."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    dest = tmp_path_factory.mktemp("sample") / "made"
    _, said = build(dest)
    if not (dest / "products").exists():
        pytest.skip(f"npm gave no products: {said}")
    return dest


@pytest.fixture
def products_module(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPE))
    yield importlib.import_module("products")
    for name in ("products", "checks"):
        sys.modules.pop(name, None)


@needs_skimage
def test_photos_alone_without_npm_and_a_line_that_says_so(tmp_path):
    dest = tmp_path / "sample"
    code, said = build(dest, npm=False)
    assert code == 0
    assert "no products: npm is not installed" in said
    assert "0 products and 19 photos" in said
    found = list(open_source(dest / "photos").scan())
    assert len(found) == 19
    for candidate in found:
        picture = load_image(Path(candidate.path))
        assert min(picture.width, picture.height) >= 100


@needs_skimage
def test_second_run_touches_nothing_and_a_damaged_file_is_made_again(tmp_path):
    dest = tmp_path / "sample"
    build(dest, npm=False)
    times = {path: path.stat().st_mtime_ns for path in dest.rglob("*")}
    code, said = build(dest, npm=False)
    assert (code, "all in place" in said) == (0, True)
    assert times == {path: path.stat().st_mtime_ns for path in dest.rglob("*")}
    (dest / "photos" / "cat.png").write_bytes(b"no cat")
    (dest / "photos" / "moon.png").unlink()
    build(dest, npm=False)
    assert load_image(dest / "photos" / "cat.png").width > 0
    assert (dest / "photos" / "moon.png").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    code, said = build(tmp_path / "letters", npm=False)
    assert code == 1
    assert "holds something else" in said
    assert (tmp_path / "letters" / "a.txt").read_text() == "dear"


def test_products_are_complete(catalogue):
    with (catalogue / "products" / "products.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 54
    assert all(row[name] for row in rows for name in ("id", "title", "text", "price", "department", "tags"))
    assert all(name == name.strip() for name in rows[0])
    laptop = rows[0]
    assert (laptop["title"], laptop["price"], laptop["brand"]) == ("Laptop", "1299.00", "Apple")
    assert laptop["options"] == "13 inch, 8GB, 15 inch, 16GB"
    assert laptop["photographer"] == "Derick David"


def test_products_open_as_a_source(catalogue):
    found = list(open_source(catalogue / "products" / "products.csv").scan())
    loaded = [candidate.load() for candidate in found]
    assert len({candidate.key for candidate in found}) == 54
    assert all(content.image and content.text and content.title_is_text for content in loaded)
    assert {content.attributes["department"] for content in loaded} == {
        "Electronics",
        "Sports & Outdoor",
        "Home & Garden",
    }
    assert all(isinstance(content.attributes["price"], float) for content in loaded)
    assert found[0].path == str(catalogue / "products" / "images" / "laptop.jpg")


def test_second_run_with_products_is_quick(catalogue):
    code, said = build(catalogue)
    assert (code, "all in place" in said) == (0, True)
    manifest = json.loads((catalogue / "manifest.json").read_text())
    assert sum(name.startswith("products/images/") for name in manifest["files"]) == 54


def test_other_content_is_refused(products_module):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in [
            "package/assets/products.csv",
            "package/assets/images/../../../evil.jpg",
            "/etc/evil.jpg",
        ]:
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("package/assets/images/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(products_module.Trouble, match="does not hold"):
        products_module.unpack(buffer.getvalue())


def test_variants_are_joined_at_the_lowest_price(products_module):
    text = (
        "name ,slug,description,assets,facets,optionGroups,optionValues ,sku,price ,variantFacets\n"
        "Chair,chair,Nice ,a-b-12-unsplash.jpg,category:Home|category:Seats|color:red,color,red,c1,30.00,\n"
        "     ,     ,     ,                   ,                        ,     ,blue,c2,25.50,color:blue\n"
    )
    (row,) = products_module.tidy(text)
    assert (row["title"], row["price"], row["options"]) == ("Chair", "25.50", "red, blue")
    assert (row["department"], row["category"], row["color"]) == ("Home", "Seats", "red, blue")
    assert row["photographer"] == "A B"
