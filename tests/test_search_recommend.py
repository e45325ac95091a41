"""Recommendation: what comes back, what never does, and the ranking against a brute-force one."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import KINDS, ItemNotFound
from search import BadTaste, recommend_items
from search.recommend import RECOMMENDATION_METHODS, direct, rank, standard
from tests.colour_pictures import encoded, write_pictures


@pytest.fixture
def filled(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 42)
    index(tmp_path / "photos")
    return collection


def coloured(collection, colour):
    return [item.id for item in collection.store.page(0, 1000) if colour in item.title]


@pytest.mark.parametrize("method", RECOMMENDATION_METHODS)
def test_what_is_like_the_likes_comes_first(filled, method):
    red, blue = coloured(filled, "red"), coloured(filled, "blue")
    found = recommend_items(filled, liked=red[:1], k=5, method=method)
    assert {each.item.id for each in found} == set(red[1:])
    assert [each.rank for each in found] == [1, 2, 3, 4, 5]
    found = recommend_items(filled, liked=[red[0], blue[0]], k=100, method=method)
    because = {each.item.id: each.because for each in found}
    assert {because[item_id] for item_id in red[1:]} == {red[0]}
    assert {because[item_id] for item_id in blue[1:]} == {blue[0]}


@pytest.mark.parametrize("method", RECOMMENDATION_METHODS)
def test_a_dislike_pushes_its_like_down(filled, method):
    yellow, white = coloured(filled, "yellow"), coloured(filled, "white")

    def places_of_white(disliked):
        found = recommend_items(filled, liked=yellow[:1], disliked=disliked, k=42, method=method)
        return np.mean([each.rank for each in found if each.item.id in white[1:]])

    assert places_of_white(white[:1]) > places_of_white([])


@pytest.mark.parametrize("method", RECOMMENDATION_METHODS)
def test_what_was_rated_never_comes_back_nor_do_copies(filled, index, tmp_path, method):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "copy.png").write_bytes(encoded("red", seed=2))
    index(tmp_path / "photos", tmp_path / "more")
    liked = filled.store.find_path(str(tmp_path / "photos" / "002_red.png"))
    copy = filled.store.find_path(str(tmp_path / "more" / "copy.png"))
    found = [
        each.item.id for each in recommend_items(filled, liked=[liked], disliked=[1], k=100, method=method)
    ]
    assert len(found) == len(set(found)) == 43 - 3
    assert not {liked, copy, 1} & set(found)


@pytest.mark.parametrize("method", RECOMMENDATION_METHODS)
def test_the_same_question_gets_the_same_answer(filled, method):
    asked = {"liked": [3, 9], "disliked": [5], "k": 7, "method": method}
    assert recommend_items(filled, **asked) == recommend_items(filled, **asked)
    assert recommend_items(filled, **asked) == recommend_items(filled, **asked | {"liked": [3, 9, 3]})
    assert recommend_items(filled, **asked)[:3] == recommend_items(filled, **asked | {"k": 3})
    assert recommend_items(filled, **asked | {"k": 0}) == ()


def test_only_allowed_items_are_considered(filled):
    allowed = np.array([2, 4, 8, 30], np.int64)
    found = recommend_items(filled, liked=[3], k=10, allowed=allowed)
    assert {each.item.id for each in found} == {2, 4, 8, 30}


def test_pictures_and_texts_are_recommended_together(collection, index, tmp_path):
    for path in write_pictures(tmp_path / "photos", 14)[:7]:
        path.with_suffix(".txt").write_text(path.stem.split("_")[1])
    for colour in ("red", "blue"):
        (tmp_path / "photos" / f"note {colour}.txt").write_text(colour)
    index(tmp_path / "photos")
    (note,) = coloured(collection, "note red")
    found = recommend_items(collection, liked=[note], k=2)
    assert all("red" in each.item.title for each in found)
    assert len(recommend_items(collection, liked=[note], k=100)) == 15


def test_what_a_model_made_is_not_recommended(filled):
    from indexer import Generated
    from indexer.storage.drafts import Draft

    made = Generated(
        prompt="red", negative_prompt="", model="m", seed=0, scheduler="s", steps=1, guidance=1.0,
        parents=(), for_query="red", verdict="match", at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    row = filled.embeddings("image", np.array(coloured(filled, "red")[:1]))[0]
    draft = Draft(
        id=None, key="made", path=None, fingerprint="", title="made red", text="", width=1, height=1,
        attributes={}, image_sha256="0", text_sha256=None, provenance=made, embeddings={"image": row},
    )  # fmt: skip
    filled.store.write([draft])
    found = recommend_items(filled, liked=coloured(filled, "red")[-1:], k=100)
    assert len(found) == 41
    assert all(each.item.origin == "imported" for each in found)


def test_what_cannot_be_recommended_from_is_told(filled):
    with pytest.raises(BadTaste, match="nothing is liked"):
        recommend_items(filled, liked=[])
    with pytest.raises(BadTaste, match="item 3 is in both"):
        recommend_items(filled, liked=[3, 4], disliked=[3])
    with pytest.raises(ItemNotFound) as caught:
        recommend_items(filled, liked=[3], disliked=[999])
    assert caught.value.item == "999"
    with pytest.raises(ValueError, match="method"):
        recommend_items(filled, liked=[3], method="popularity")


def test_a_collection_of_one_or_two_items(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 2)
    index(tmp_path / "photos")
    for method in RECOMMENDATION_METHODS:
        assert [each.item.id for each in recommend_items(collection, liked=[1], method=method)] == [2]
        assert recommend_items(collection, liked=[1], disliked=[2], method=method) == ()


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_ranking_is_the_beginning_of_the_exact_one(tmp_path_factory, data):
    collection = mixed(tmp_path_factory)
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    directions = {kind: unit(rng.normal(size=32)) for kind in KINDS}
    depth = data.draw(st.integers(1, 60))
    expected = brute_force(collection, directions)
    found = rank(collection, directions, depth)
    pairs = [(item.id, pytest.approx(score, abs=1e-5)) for item, score in expected[: len(found.items)]]
    assert [(item.id, score) for item, score in zip(found.items, found.scores, strict=True)] == pairs
    assert len(found.items) == len(collection) or not found.is_whole


def unit(row):
    return (row / np.linalg.norm(row)).astype(np.float32)


def brute_force(collection, directions):
    scored = []
    for item in collection.store.page(0, 1000):
        own = []
        for kind in item.kinds:
            background = collection.search(directions[kind], 1)[kind].background
            row = collection.embeddings(kind, np.array([item.id]))
            own.append(float(standard(np.vecdot(row, directions[kind]), background)[0]))
        scored.append((item, float(np.mean(own))))
    return sorted(scored, key=lambda pair: (-pair[1], pair[0].id))


_MIXED = []


def mixed(tmp_path_factory):
    """A collection of pictures, texts, and pictures with texts; made once."""
    if not _MIXED:
        from indexer import Collection, index_sources, open_source
        from tests.colour_encoder import COLOURS, ColourEncoder

        folder = tmp_path_factory.mktemp("mixed")
        for number, path in enumerate(write_pictures(folder / "photos", 40)):
            if number % 3 == 0:
                path.with_suffix(".txt").write_text(f"{list(COLOURS)[number % 5]} thing {number}")
            if number % 4 == 0:
                (folder / "photos" / f"note{number}.txt").write_text(f"note {number} {path.stem[4:]}")
        encoder = ColourEncoder()
        collection = Collection.create(folder / "collection", encoder)
        index_sources(collection, encoder, [open_source(folder / "photos")])
        _MIXED.append(collection)
    return _MIXED[0]


@pytest.mark.parametrize("method", RECOMMENDATION_METHODS)
@given(seed=st.integers(0, 500), likes=st.integers(1, 4), dislikes=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_a_direction_is_a_unit_vector_nearer_to_likes_than_to_dislikes(method, seed, likes, dislikes):
    rng = np.random.default_rng(seed)
    centres = [unit(rng.normal(size=16)) for _ in range(2)]
    liked = np.stack([unit(centres[0] + 0.05 * rng.normal(size=16)) for _ in range(likes)])
    disliked = np.array([unit(centres[1] + 0.05 * rng.normal(size=16)) for _ in range(dislikes)])
    background = np.stack([unit(rng.normal(size=16)) for _ in range(50)])
    found = direct(liked, disliked.reshape(-1, 16).astype(np.float32), background, method)
    assert found.dtype == np.float32
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
    assert (liked @ found).min() > (background @ found).mean()
    if dislikes:
        assert (liked @ found).mean() > (disliked @ found).mean()
