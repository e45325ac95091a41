"""Why an item was found, how two differ, and the part of a picture that counts."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from search import BadQuery, Region, Searcher
from tests.colour_pictures import encoded, write_pictures
from ui.page.model.explanations import compared, heat_picture, hits_of, reasons
from ui.page.model.regions import SMALLEST, borders, marked_picture, read_region, write_region
from ui.services.operations import compose

ends = st.tuples(st.floats(0, 100), st.floats(0, 100))


@pytest.fixture
def searcher(tmp_path, index, collection, encoder):
    write_pictures(tmp_path / "pictures", 6)
    (tmp_path / "t.csv").write_text("title,price,Brand\nred,1,Nike\nred,2,Nike\n", encoding="utf-8")
    index(tmp_path / "pictures", tmp_path / "t.csv")
    return Searcher(collection, encoder)


def test_what_the_terms_gave_adds_up_to_the_score(searcher):
    query = compose("red - 0.5:blue", k=3)
    embedded = searcher.embedder.embed(query)
    for item in searcher.collection.store.items(list(range(1, 9))):
        for reason in reasons(searcher, embedded, item):
            assert sum(term.value for term in reason.terms) == pytest.approx(reason.score, abs=1e-5)
            assert [term.label for term in reason.terms] == ["red", "blue"]


def test_a_heat_map_is_a_picture(searcher):
    query = compose("red", k=3)
    item = searcher.collection.item(1)
    lit = heat_picture(searcher, searcher.embedder.embed(query), item)
    assert Image.open(io.BytesIO(lit)).format == "WEBP"


def test_hits_are_those_of_the_whole_answer(searcher):
    query = compose("red", k=8)
    whole = {hit.item.id: hit.score for hit in searcher.search(query).hits}
    for item_id, hit in hits_of(searcher, query, (2, 7)).items():
        assert whole.get(item_id, hit.score) == hit.score


def test_two_items_are_held_side_by_side(searcher):
    left, right = searcher.collection.store.items([7, 8])
    found = {row.name: (row.left, row.right, row.differs) for row in compared(left, right)}
    assert found["title"] == ("red", "red", False)
    assert found["price"] == (1, 2, True)
    assert found["Brand"] == ("Nike", "Nike", False)
    picture = searcher.collection.item(1)
    other = {row.name: (row.left, row.right, row.differs) for row in compared(picture, left)}
    assert other["price"] == (None, 1, True)
    assert other["size"][1:] == (None, True)


@given(ends, ends)
def test_a_part_is_read_back_from_the_url(across, down):
    text = write_region(across, down)
    region = read_region(text)
    for wanted, shown in zip((across, down), borders(region), strict=True):
        assert 0 <= shown[0] < shown[1] <= 100
        assert shown[1] - shown[0] >= SMALLEST - 0.01
        if max(wanted) - min(wanted) >= SMALLEST:
            assert shown == pytest.approx(sorted(wanted), abs=0.001)


def test_all_of_it_needs_no_place_in_the_url():
    assert write_region((0, 100), (100, 0)) == ""
    assert read_region("") is None
    assert read_region("10,20,50,60") == Region(x=10, y=20, width=50, height=60, percent=True)


@pytest.mark.parametrize(
    "text", ["x", "1,2,3", "90,0,20,10", "0,0,0,10", "-1,0,5,5", "1,2,3,4,5", "nan,0,1,1"]
)
def test_a_part_that_makes_no_sense_is_refused(text):
    with pytest.raises(BadQuery):
        read_region(text)


@given(st.sampled_from(["", "0,0,5,5", "95,95,5,5", "10,20,50,60"]))
def test_the_part_is_shown_on_the_picture(text):
    shown = marked_picture(encoded("red"), read_region(text), name="x", longest_side=96)
    assert max(Image.open(io.BytesIO(shown)).size) <= 96
