"""Which calibration counts, and what collections can be calibrated."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from indexer import Collection, StorageFailure, index_sources, open_source
from search import (
    Searcher,
    TooFewToCalibrate,
    calibrate_collection,
    find_calibration,
    keep_calibration,
    parse_query,
    shipped_calibration,
)
from search.verdict import calibrate
from search.verdict.calibrate import LEAST_ITEMS, OWN_FILE, own_calibration
from search.verdict.phrase_bank import PHRASES
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures


@pytest.fixture
def photos(collection, index, tmp_path):
    """Index some pictures, with or without captions: ``photos(84, captions=True)``."""

    def make(count, *, captions):
        for path in write_pictures(tmp_path / "photos", count):
            if captions:
                path.with_suffix(".txt").write_text(f"a {path.stem.split('_')[-1]} picture")
        index(tmp_path / "photos")
        return collection

    return make


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """Ship a calibration for the tiny encoder: ``shipped(calibration)``."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(calibrate, "_SHIPPED", folder)
    shipped_calibration.cache_clear()
    yield lambda made, name=None: made.save(folder / f"{(name or made.weights_sha256)[:16]}.safetensors")
    shipped_calibration.cache_clear()


def test_own_counts_before_shipped(photos, encoder, shipped):
    made = calibrate_collection(photos(84, captions=True), encoder)
    shipped(replace(made, source="shipped"))
    collection = photos(84, captions=True)
    assert find_calibration(collection, encoder).source == "shipped"
    keep_calibration(collection, replace(made, source="own"))
    assert find_calibration(collection, encoder).source == "own"


def test_a_shipped_one_is_taken_without_asking_the_model(photos, encoder, shipped):
    collection = photos(84, captions=True)
    shipped(calibrate_collection(collection, encoder))
    before = encoder.texts_encoded
    assert find_calibration(collection, encoder) is not None
    assert encoder.texts_encoded == before
    assert not (collection.folder / OWN_FILE).exists()


def test_those_of_other_weights_are_ignored(photos, encoder, shipped):
    collection = photos(84, captions=True)
    made = calibrate_collection(collection, encoder)
    other = replace(made, weights_sha256="0" * 64, source="other")
    shipped(other, name=made.weights_sha256)  # a file by the right name
    keep_calibration(collection, other)
    assert shipped_calibration(made.weights_sha256) is None
    assert own_calibration(collection) is None
    assert find_calibration(collection, encoder).source == made.source
    assert own_calibration(collection).weights_sha256 == encoder.spec.weights_sha256


def test_a_damaged_own_file_is_made_again(photos, encoder):
    collection = photos(84, captions=True)
    (collection.folder / OWN_FILE).write_bytes(b"damaged")
    assert own_calibration(collection) is None
    assert find_calibration(collection, encoder) is not None
    assert own_calibration(collection) is not None
    assert not list(collection.folder.glob("*.new"))


def four_colours(text):
    """A grid of colours for each text, (2, 2, 3) uint8."""
    return np.random.default_rng(zlib.crc32(text.encode())).choice([0, 255], (2, 2, 3)).astype(np.uint8)


class PaintedEncoder(ColourEncoder):
    """Sees in each text four colours of its own, so that there are pictures of any phrase."""

    def encode_texts(self, texts):
        rows = np.zeros((len(texts), 28), np.float32)
        rows[:, :12] = np.stack([four_colours(text).ravel() / 127.5 - 1 for text in texts])
        rows[:, 12] = 0.1  # as pictures have it
        return self._embed(rows)


def test_a_collection_without_texts_is_calibrated_on_guesses(tmp_path):
    (tmp_path / "photos").mkdir()
    for number, phrase in enumerate(PHRASES[:400]):  # of one in eight its phrase is clearly the best
        picture = four_colours(phrase).repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray(picture).save(tmp_path / f"photos/{number}.png")
    encoder = PaintedEncoder()
    collection = Collection.create(tmp_path / "painted", encoder)
    index_sources(collection, encoder, [open_source(tmp_path / "photos")])
    made = calibrate_collection(collection, encoder)
    assert made.approximate
    assert made.source == "this collection, by phrases that describe its pictures"
    searcher = Searcher(collection, encoder, calibrated=lambda *_: made)
    assert searcher.search(parse_query(["red"])).judgement.approximate
    collection.close()


def test_pictures_of_few_kinds_without_texts_cannot_be_calibrated(photos, encoder):
    """No text at all is no error, and no reason to stop a search."""
    collection = photos(84, captions=False)
    with pytest.raises(TooFewToCalibrate, match="told apart"):
        calibrate_collection(collection, encoder)
    assert Searcher(collection, encoder, calibrated=find_calibration).search(parse_query(["red"])).hits


def test_captions_make_a_calibration_that_is_no_guess(photos, encoder):
    collection = photos(84, captions=True)
    made = calibrate_collection(collection, encoder)
    assert made.weights_sha256 == encoder.spec.weights_sha256
    assert not made.approximate
    searcher = Searcher(collection, encoder, calibrated=lambda *_: made)
    found = [searcher.search(parse_query([text])).coverage for text in ("red", "a green picture", "tractor")]
    assert all(0 <= coverage <= 1 for coverage in found)


def test_too_few_items_are_told_and_do_not_stop_a_search(photos, encoder):
    collection = photos(LEAST_ITEMS - 1, captions=True)
    with pytest.raises(TooFewToCalibrate) as caught:
        calibrate_collection(collection, encoder)
    assert (caught.value.found, caught.value.needed) == (59, 60)
    assert str(caught.value).startswith("This collection holds 59 items, too few to calibrate on: expected")
    assert "findmake calibrate" in str(caught.value)
    results = Searcher(collection, encoder, calibrated=find_calibration).search(parse_query(["red"]))
    assert results.hits
    assert (results.verdict, results.coverage, results.hits[0].probability) == (None, None, None)


def test_items_that_are_all_alike_are_told_apart_from_too_few(collection, encoder, index, tmp_path):
    (tmp_path / "texts").mkdir()
    for number in range(70):
        (tmp_path / "texts" / f"{number}.txt").write_text("the same words")
    index(tmp_path / "texts")
    with pytest.raises(TooFewToCalibrate, match="too few can be told apart"):
        calibrate_collection(collection, encoder)
    assert find_calibration(collection, encoder) is None


def test_a_calibration_that_cannot_be_kept_still_serves(photos, encoder):
    """As in a read-only folder; for tests that run as root the file's place is taken by a folder."""
    collection = photos(84, captions=True)
    (collection.folder / OWN_FILE).mkdir()
    (collection.folder / OWN_FILE / "full").touch()
    results = Searcher(collection, encoder, calibrated=find_calibration).search(parse_query(["red"]))
    assert results.verdict is not None
    with pytest.raises(StorageFailure):
        keep_calibration(collection, calibrate_collection(collection, encoder))


def test_the_same_collection_gives_the_same_calibration(photos, encoder):
    collection = photos(84, captions=True)
    first, second = (calibrate_collection(collection, encoder) for _ in range(2))
    assert first.bars == second.bars
    for pair, model in first.coverage.items():
        np.testing.assert_array_equal(model.weights, second.coverage[pair].weights)


def test_a_collection_is_calibrated_on_its_own_texts(photos, encoder):
    many = photos(84, captions=True)
    made = calibrate_collection(many, encoder)
    assert "titles and captions" in made.source
    keep_calibration(many, made)
    assert own_calibration(many) is not None
    results = Searcher(many, encoder, calibrated=find_calibration).search(parse_query(["red"], k=3))
    assert results.verdict in ("match", "weak", "no match")
    assert 0 <= results.coverage <= 1
    assert all(0 <= hit.probability <= 1 for hit in results.hits)
    assert results.judgement.reason.endswith(".")


def test_a_threshold_leaves_out_the_unlikely(photos, encoder):
    many = photos(84, captions=True)
    searcher = Searcher(many, encoder, calibrated=find_calibration)
    query = replace(parse_query(["red"], k=100), fold=False)
    kept = searcher.search(replace(query, threshold=0.5)).hits
    everything = searcher.search(query).hits
    assert [hit.item.id for hit in kept] == [h.item.id for h in everything if h.probability >= 0.5]
    assert len(kept) < len(everything)
