"""The map of a collection: kept in its folder, checked when read, following what changes."""

import io

import numpy as np
import pytest
from PIL import Image

from indexer import promote
from search import SurveyStopped, follow, keep_map, load_map, make_map
from search.map.collection_map import _FILE
from search.map.contact_sheets import COLUMNS, TILES, contact_sheets, side_for
from tests.colour_pictures import encoded, write_pictures
from tests.made_pictures import make


@pytest.fixture
def album(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 20)
    (tmp_path / "photos" / "note.txt").write_text("a red note")
    index(tmp_path / "photos")
    return collection


def same(one, other):
    return (
        np.array_equal(one.ids, other.ids)
        and np.array_equal(one.points, other.points)
        and np.array_equal(one.tiles, other.tiles)
        and (one.sheets, one.side, one.change) == (other.sheets, other.side, other.change)
    )


def test_a_map_has_every_item_and_is_read_back_as_it_was(album):
    made = make_map(album)
    assert made.ids.tolist() == list(range(1, 22))
    assert len(made.sheets) == 1
    assert load_map(album) is None
    keep_map(album, made)
    assert same(load_map(album), made)
    assert follow(album, made) is made


def test_an_empty_collection_has_an_empty_map(collection):
    made = make_map(collection)
    keep_map(collection, made)
    assert len(load_map(collection).ids) == 0
    assert follow(collection, made) is made


def test_what_is_generated_is_placed_and_moves_nothing(album, encoder):
    before = make_map(album)
    [apart, promoted] = [make(album, encoder, seed=seed) for seed in (1, 2)]
    promote(album, [promoted.id])
    after = make_map(album)
    assert after.ids.tolist() == [*before.ids.tolist(), apart.id, promoted.id]
    assert np.array_equal(after.points[: len(before.ids)], before.points)
    assert np.isfinite(after.points).all()


def test_a_map_follows_the_collection_without_moving(album, index, tmp_path):
    made = make_map(album)
    album.store.remove([3])
    write_pictures(tmp_path / "more", 2, start=40)
    index(tmp_path / "more")
    now = follow(album, made)
    assert 3 not in now.ids
    assert len(now.ids) == 22
    stays = np.isin(now.ids, made.ids)
    assert np.array_equal(now.points[stays], made.points[np.isin(made.ids, now.ids)])
    assert (now.tiles[~stays] == -1).all()
    assert now.change == made.change, "it is still the old layout"


@pytest.mark.parametrize("harm", ["cut", "empty", "words", "ids", "nan", "other"])
def test_a_damaged_map_counts_as_none(album, harm):
    from safetensors.numpy import load_file, save_file

    keep_map(album, make_map(album))
    path = album.folder / _FILE
    data = path.read_bytes()
    if harm in ("cut", "empty", "words"):
        path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "words": b"words" * 9}[harm])
    else:
        arrays = load_file(path)
        if harm == "ids":
            arrays["ids"] = arrays["ids"][::-1].copy()
        if harm == "nan":
            arrays["points"][0, 0] = np.nan
        name = "x" if harm == "other" else album.store.meta("id")
        save_file(arrays, path, {"format": "1", "collection": name, "change": "3", "side": "96"})
    assert load_map(album) is None
    keep_map(album, make_map(album))
    assert load_map(album) is not None


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_map_that_is_stopped_leaves_the_old_one(album, limit):
    keep_map(album, make_map(album))
    before = (album.folder / _FILE).read_bytes()
    heard = []
    with pytest.raises(SurveyStopped):
        keep_map(album, make_map(album, on_step=lambda _, share: heard.append(share) or len(heard) < limit))
    assert (album.folder / _FILE).read_bytes() == before


def test_pictures_stand_on_the_sheets_in_order():
    colours = ["red", "blue", "green", None] * (TILES // 4) + ["yellow"]
    first, second = contact_sheets((encoded(c) if c else b"broken" for c in colours), 16)
    sheet, last = (Image.open(io.BytesIO(data)) for data in (first, second))
    assert sheet.size == (COLUMNS * 16, COLUMNS * 16)
    assert last.size == (COLUMNS * 16, 16)
    for place, wanted in ((0, "red"), (33, "blue"), (TILES - 2, "green")):
        x, y = place % COLUMNS * 16 + 8, place // COLUMNS * 16 + 8
        pixel = sheet.getpixel((x, y))
        assert pixel.index(max(pixel)) == ("red", "green", "blue").index(wanted)
    assert min(sheet.getpixel((3 * 16 + 8, 8))) > 240, "what is broken stays white"


def test_more_pictures_are_smaller_ones():
    sides = [side_for(count) for count in (10, 2_000, 10_000, 50_000)]
    assert sides == sorted(sides, reverse=True)
