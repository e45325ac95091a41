"""From terms to one embedding: each kind of term, caching, regions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from indexer import DimensionMismatch, ItemNotFound, UnreadableImage
from search import (
    BadQuery,
    EmptyQuery,
    FetchFailed,
    FetchLimits,
    Like,
    Picture,
    Query,
    QueryEmbedder,
    Region,
    Vector,
    Words,
    parse_query,
)
from tests.colour_encoder import DIM, ColourEncoder
from tests.colour_pictures import encoded, picture, write_pictures
from tests.picture_server import serving


@pytest.fixture
def embedder(collection, encoder, index, tmp_path):
    write_pictures(tmp_path / "photos", 7)
    halves = Image.new("RGB", (800, 400), (220, 20, 20))
    halves.paste((20, 20, 220), (400, 0, 800, 400))
    halves.save(tmp_path / "photos" / "halves.png")
    (tmp_path / "photos" / "note.txt").write_text("a yellow note")
    index(tmp_path / "photos")
    limits = FetchLimits(allow=lambda address: address.is_loopback, ports=None)
    return QueryEmbedder(collection, encoder, limits=limits)


@pytest.fixture
def find(collection, tmp_path):
    return lambda name: collection.store.find_path(str(tmp_path / "photos" / name))


def ask(*terms):
    return Query(terms=terms, text="test")


def test_a_single_term_is_exactly_its_embedding(embedder, encoder, find):
    [red] = encoder.encode_texts(["red"])
    found = embedder.embed(parse_query(["3:red"]))
    np.testing.assert_array_equal(found.embedding, red)
    np.testing.assert_array_equal(embedder.embed(parse_query(["- red"])).embedding, -red)
    assert found.embedding.dtype == np.float32


@given(
    st.lists(st.tuples(st.sampled_from(["red", "green", "blue", "a dog"]), st.floats(0.1, 5)), min_size=1),
    st.booleans(),
)
def test_terms_are_summed_by_weight(chosen, minus):
    encoder = ColourEncoder()
    embedder = QueryEmbedder(_Bare(encoder), encoder)
    weights = [-weight if minus and place else weight for place, (_, weight) in enumerate(chosen)]
    rows = encoder.encode_texts([text for text, _ in chosen]).astype(np.float64)
    total = np.array(weights) @ rows
    query = ask(*(Words(text=text, weight=weight) for (text, _), weight in zip(chosen, weights, strict=True)))
    if np.linalg.norm(total) < 0.05 * np.abs(weights).sum():
        with pytest.raises(EmptyQuery):
            embedder.embed(query)
        return
    found = embedder.embed(query)
    np.testing.assert_allclose(found.embedding, total / np.linalg.norm(total), atol=1e-4)
    assert found.length == pytest.approx(np.linalg.norm(total), rel=1e-4)


class _Bare:
    """A collection without items, as far as words need one."""

    def __init__(self, encoder):
        self.spec = encoder.spec

    def verify(self, encoder, kinds):
        pass


def test_each_kind_of_term_becomes_a_part(embedder, encoder, find, tmp_path):
    data, [red] = encoded("red"), encoder.encode_images([picture("red")])
    row = np.arange(DIM, dtype=np.float32) * 1e30
    query = ask(
        Words(text="red"),
        Picture(name="upload", data=data, weight=2.0),
        Like(item_id=find("note.txt"), weight=-0.5),
        Vector(embedding=row, name="given"),
    )
    parts = embedder.embed(query).parts
    assert [(part.label, part.weight, part.kind) for part in parts] == [
        ("red", 1.0, "text"),
        ("upload", 2.0, "image"),
        (f"item:{find('note.txt')}", -0.5, "text"),
        ("given", 1.0, "image"),
    ]
    for part in parts:
        assert part.embedding.dtype == np.float32
        assert np.linalg.norm(part.embedding) == pytest.approx(1, abs=2e-3)
    np.testing.assert_allclose(parts[1].embedding, red, atol=1e-6)
    path = tmp_path / "upload.png"
    path.write_bytes(data)
    np.testing.assert_array_equal(embedder.embed(parse_query([str(path)])).embedding, parts[1].embedding)


@pytest.mark.parametrize(
    ("terms", "kind"),
    [
        ("red", "text"),
        ("red - blue", "text"),
        ("item:1", "image"),
        ("item:1 - red", "image"),
        ("item:1 + red", "mixed"),
        ("red - item:1", "text"),
        ("- red", "text"),
    ],
)
def test_the_kind_is_that_of_what_is_sought(embedder, terms, kind):
    assert embedder.embed(parse_query([terms])).kind == kind


def test_an_item_without_a_picture_asks_with_its_text(embedder, find):
    assert embedder.embed(ask(Like(item_id=find("note.txt")))).kind == "text"


def test_a_region_is_a_crop_of_the_original(embedder, encoder, find, tmp_path):
    path = tmp_path / "photos" / "halves.png"
    colours = (220, 20, 20), (20, 20, 220)
    red, blue = encoder.encode_images([Image.new("RGB", (9, 9), colour) for colour in colours])
    for written, expected in (
        (f"{path}[0,0,400,400]", red),
        (f"{path}[400,0,400,400]", blue),
        (f"{path}[50%,0%,50%,100%]", blue),
        (f"{path}[799,399,1,1]", blue),
        (f"item:{find('halves.png')}[0%,0%,50%,100%]", red),
        (f"item:{find('halves.png')}[600,100,200,200]", blue),
    ):
        found = embedder.embed(parse_query([written]))
        np.testing.assert_allclose(found.embedding, expected, atol=1e-5, err_msg=written)
        assert found.parts[0].label == written
    with pytest.raises(BadQuery, match="800 x 400 pixels") as caught:
        embedder.embed(parse_query([f"{path}[700,0,101,10]"]))
    assert caught.value.term == f"{path}[700,0,101,10]"
    whole = Region(x=0, y=0, width=1, height=1)
    with pytest.raises(BadQuery, match="no picture"):
        embedder.embed(ask(Like(item_id=find("note.txt"), region=whole)))


def test_a_tiny_region_still_has_a_pixel(embedder, find):
    for corner in (0, 100 - 1e-9):
        region = Region(x=corner, y=corner, width=1e-10, height=1e-10, percent=True)
        embedder.embed(ask(Like(item_id=find("halves.png"), region=region)))


def test_a_region_of_a_picture_inside_a_table_is_cut_from_its_thumbnail(
    collection, encoder, index, tmp_path, embedder
):
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = (tmp_path / "photos" / "halves.png").read_bytes()
    pq.write_table(pa.table({"id": [1], "image": [data]}), tmp_path / "table.parquet")
    index(tmp_path / "table.parquet")
    [inside] = [item for item in collection.store.items(list(range(1, 30))) if "#" in item.key]
    assert inside.path is None
    found = embedder.embed(parse_query([f"item:{inside.id}[400,0,400,400]"]))
    [blue] = encoder.encode_images([Image.new("RGB", (9, 9), (20, 20, 220))])
    assert found.embedding @ blue > 0.999


def test_a_picture_by_its_address_is_fetched_once(embedder, encoder):
    with serving() as server:
        url = f"http://127.0.0.1:{server.port}/picture/blue"
        first = embedder.embed(parse_query([url]))
        again = embedder.embed(parse_query([f"red + {url}"]))
        part = embedder.embed(parse_query([f"{url}[0,0,10,10]"]))
        assert len(server.requests) == 2
    [expected] = encoder.encode_images([picture("blue")])
    np.testing.assert_allclose(first.embedding, expected, atol=1e-6)
    np.testing.assert_array_equal(again.parts[1].embedding, first.embedding)
    assert part.parts[0].label == f"{url}[0,0,10,10]"


def test_this_machine_is_not_asked_by_default(collection, encoder):
    with pytest.raises(FetchFailed, match="not a public address"):
        QueryEmbedder(collection, encoder).embed(parse_query(["http://127.0.0.1/x.jpg"]))


def test_what_cannot_be_embedded_is_told(embedder, tmp_path):
    with pytest.raises(ItemNotFound):
        embedder.embed(ask(Like(item_id=999)))
    with pytest.raises(UnreadableImage):
        embedder.embed(ask(Picture(name="x", data=b"no picture")))
    with pytest.raises(UnreadableImage):
        embedder.embed(ask(Picture(name="x", data=b"")))
    with pytest.raises(DimensionMismatch):
        embedder.embed(ask(Vector(embedding=np.ones(DIM + 1, np.float32), name="v")))
    with pytest.raises(EmptyQuery, match="cancel"):
        embedder.embed(parse_query(["red - red"]))


def test_the_same_words_are_encoded_once(embedder, encoder):
    embedder.embed(parse_query(["yellow"]))
    before = encoder.texts_encoded
    embedder.embed(parse_query(["2:yellow - white"]))
    assert encoder.texts_encoded == before + 1
