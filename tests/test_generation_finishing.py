"""Watermark and signature, where a person asks for them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation import FillOptions, check_credentials, detect_watermark, fill_gap, own_credential, regenerate
from indexer import find_mark
from search import parse_query
from tests.colour_generator import ColourGenerator
from tests.gap_shelf import make_shelf

YELLOW = parse_query(["yellow"])


@pytest.fixture
def searcher(tmp_path):
    made = make_shelf(tmp_path)
    yield made
    made.collection.close()


def kept(searcher, **changes):
    report = fill_gap(
        searcher, ColourGenerator(side=256), YELLOW, FillOptions(candidates=6, seed=0, **changes)
    )
    assert report.outcome == "filled"
    return searcher.collection.item(report.kept[0])


def test_the_watermark_is_in_the_picture_that_is_kept_and_not_in_others(searcher):
    with Image.open(kept(searcher, watermark=True).path) as with_it:
        assert detect_watermark(with_it).found
    with Image.open(kept(searcher, force=True).path) as without:
        assert not detect_watermark(without).found


def test_a_watermarked_picture_is_made_again_bit_for_bit(searcher):
    item = kept(searcher, watermark=True)
    again = regenerate(searcher.collection, ColourGenerator(side=256), item.id)
    assert again.equal
    assert again.differences == ()
    with Image.open(item.path) as stored:
        assert np.array_equal(np.asarray(stored.convert("RGB")), np.asarray(again.image))


def test_a_signed_file_tells_that_it_was_made_and_is_intact(searcher, tmp_path):
    pytest.importorskip("c2pa")
    item = kept(searcher, credential=own_credential(tmp_path))
    data = Path(item.path).read_bytes()
    checked = check_credentials(data)
    assert checked is not None
    assert checked.intact
    assert checked.generated
    assert find_mark(data) is not None
