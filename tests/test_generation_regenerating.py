"""Made again: bit for bit from what is kept, and what is said where that cannot be."""

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation import BadRequest, FillOptions, fill_gap, generated_by, regenerate, regenerated_png
from generation.fill import extras
from indexer import ItemNotFound, NotGenerated, UnreadableImage, add_generated, index_sources, open_source
from search import Picture, Query, Words, parse_query
from tests.colour_generator import ColourGenerator
from tests.colour_pictures import encoded, picture
from tests.gap_shelf import make_shelf

YELLOW = parse_query(["yellow"])


@pytest.fixture
def searcher(tmp_path):
    made = make_shelf(tmp_path)
    yield made
    made.collection.close()


def filled(searcher, query=YELLOW, **options):
    report = fill_gap(searcher, ColourGenerator(), query, FillOptions(candidates=2, force=True, **options))
    return report.kept[0]


def test_the_same_picture_comes_out_though_the_catalogue_has_changed(searcher, tmp_path):
    item_id = filled(searcher, seed=6, neighbours=4, style_weight=0.8, steps=5)
    more = tmp_path / "more"
    more.mkdir()
    (more / "yellow.png").write_bytes(encoded("yellow", seed=1))
    index_sources(searcher.collection, searcher.encoder, [open_source(more)])
    searcher.collection.store.remove(generated_by(searcher.collection, item_id).parents)
    again = regenerate(searcher.collection, ColourGenerator(), item_id)
    assert (again.equal, again.furthest, again.differences) == (True, 0, ())
    with Image.open(io.BytesIO(regenerated_png(again))) as image:
        assert np.array_equal(np.asarray(image), np.asarray(again.image))


def test_another_state_of_the_generator_is_told(searcher):
    item_id = filled(searcher, seed=0)
    again = regenerate(searcher.collection, ColourGenerator(revision="2", side=32), item_id)
    assert (again.equal, again.furthest) == (False, None)
    assert "The revision was '1', and is '2' now." in again.differences
    assert "The width was 48, and is 32 now." in again.differences


def test_a_picture_that_was_changed_or_removed_is_told(searcher):
    item_id = filled(searcher, seed=0)
    path = Path(searcher.collection.item(item_id).path)
    with Image.open(path) as stored:
        changed = stored.convert("RGB")
    changed.putpixel((3, 3), (0, 0, 255))
    changed.save(path)
    again = regenerate(searcher.collection, ColourGenerator(), item_id)
    assert again.equal is False
    assert again.furthest > 0
    path.unlink()
    assert regenerate(searcher.collection, ColourGenerator(), item_id).equal is None


def test_a_start_picture_is_found_again_or_its_change_is_told(searcher, tmp_path):
    path = tmp_path / "start.png"
    path.write_bytes(encoded("white", seed=4))
    terms = (Picture(name="start.png", path=path, weight=0.2), Words(text="yellow", weight=3))
    query = Query(terms=terms, text="start.png + yellow")
    item_id = filled(searcher, query, start="query", seed=0, strength=0.9)
    again = regenerate(searcher.collection, ColourGenerator(), item_id)
    assert (again.equal, again.differences) == (True, ())
    picture("black").save(path)
    again = regenerate(searcher.collection, ColourGenerator(), item_id)
    assert again.differences == ("The picture that it started from has changed.",)
    path.unlink()
    with pytest.raises(UnreadableImage):
        regenerate(searcher.collection, ColourGenerator(), item_id)


def test_what_was_imported_cannot_be_made_again(searcher):
    with pytest.raises(NotGenerated, match="make again"):
        generated_by(searcher.collection, 1)
    with pytest.raises(ItemNotFound):
        generated_by(searcher.collection, 999)


@pytest.mark.parametrize(
    "packed", ["???", base64.b64encode(b"xyz").decode(), base64.b64encode(b"x" * 6).decode()]
)
def test_damaged_conditions_are_refused(searcher, packed):
    collection, item_id = searcher.collection, filled(searcher, seed=0)
    provenance = generated_by(collection, item_id)
    broken = replace(provenance, extras={**provenance.extras, extras.CONDITION: packed})
    png = Path(collection.item(item_id).path).read_bytes()
    row = collection.embeddings("image", np.array([item_id]))[0]
    item = add_generated(collection, png, embedding=row / np.linalg.norm(row), provenance=broken)
    with pytest.raises(BadRequest, match="conditions"):
        regenerate(collection, ColourGenerator(), item.id)


def test_what_is_packed_is_exactly_what_was_rounded():
    rows = np.random.default_rng(0).normal(size=(5, 32)).astype(np.float32)
    rows = extras.rounded(rows)
    embedding, near = extras.unpacked(extras.packed(rows[0], rows[1:]), 32)
    assert np.array_equal(embedding, rows[0])
    assert np.array_equal(near, rows[1:])
    alone, none = extras.unpacked(extras.packed(rows[0], None), 32)
    assert np.array_equal(alone, rows[0])
    assert none is None
    assert len(extras.packed(rows[0], rows[1:])) == 4 * -(-5 * 32 * 2 // 3)
