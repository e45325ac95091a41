"""What a model made changes no answer that did not ask for it, and never counts as one."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer import Collection, Imported, Tagging, discard, index_sources, open_source, promote
from search import (
    Like,
    Picture,
    Query,
    Searcher,
    calibrate_collection,
    find_duplicates,
    label_items,
    parse_filter,
    parse_query,
    recommend_items,
)
from search.completion.train import texts_of
from search.evaluation.subjects import read_collection
from search.ranking.group_duplicates import fold
from tests.catalogues import GENERATED, IMPORTED, draft
from tests.colour_encoder import COLOURS, ColourEncoder
from tests.colour_pictures import encoded, picture, write_pictures
from tests.made_pictures import make
from tests.strategies import unit_rows

COUNT = 84
MARKED = Imported(source="/a", at=datetime(2026, 1, 2, tzinfo=UTC), synthetic="a generator's parameters")
QUERIES = (
    parse_query(["red"]),
    parse_query(["a yellow picture"], k=30),
    parse_query(["013"]),
    parse_query(["tractor"]),
    parse_query(["green + blue - white"], offset=5),
    replace(parse_query(["red"]), where="width>0", condition=parse_filter("width>0")),
    replace(parse_query(["yellow"]), condition=parse_filter("not tag:made")),
    replace(parse_query(["blue"]), diversity=0.5, threshold=0.05),
    replace(parse_query(["blue"]), order="-title", hybrid=False),
    replace(parse_query(["grey"]), fold=False, k=100),
    Query(terms=(Picture(name="p", data=encoded("yellow", 7)),), text="p", k=20),
    Query(terms=(Like(item_id=6),), text="item:6"),
)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory):
    """Over 84 pictures of seven colours with captions, calibrated on them."""
    folder = tmp_path_factory.mktemp("generated")
    for path in write_pictures(folder / "photos", COUNT):
        path.with_suffix(".txt").write_text(f"a {path.stem.split('_')[-1]} picture")
    encoder = ColourEncoder()
    collection = Collection.create(folder / "collection", encoder)
    index_sources(collection, encoder, [open_source(folder / "photos")])
    found = calibrate_collection(collection, encoder)
    yield Searcher(collection, encoder, calibrated=lambda *_: found)
    collection.close()


@pytest.fixture
def collection(searcher):
    """That collection, as it was in the beginning."""
    yield searcher.collection
    store = searcher.collection.store
    store.remove(store.tally().made.tolist())
    assert len(searcher.collection) == COUNT


def answers(searcher, queries=QUERIES):
    """All that an answer says but how long it took, to the last bit."""
    return [
        replace(searcher.search(query), took_ms=0, encoding_ms=0, query=QUERIES[0], embedding=None)
        for query in queries
    ]


def told(searcher, queries=QUERIES):
    return [searcher.search(query).judgement for query in queries]


def real_hits(searcher, query):
    hits = searcher.search(query).hits
    return [(hit.item.id, hit.score, hit.probability) for hit in hits if hit.item.origin == "imported"]


def add_marked(collection, encoder, colour, seed, **values):
    """Import a picture whose file says that a model made it."""
    [row] = encoder.encode_images([picture(colour, seed)])
    one = draft(1, {}, provenance=MARKED, embeddings={"image": row}, text="")
    defaults = {"title": colour, "key": f"/marked/{colour}{seed}"}
    return collection.store.write([replace(one, **(defaults | values))])[0]


pictures = st.tuples(st.sampled_from(sorted(COLOURS)), st.integers(0, 200))  # below 84: copies of real ones


@given(made=st.lists(pictures, min_size=1, max_size=6))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_stands_apart_changes_no_answer_at_all(searcher, made):
    before = answers(searcher)
    others = the_rest(searcher)
    ids = [make(searcher.collection, searcher.encoder, colour, seed).id for colour, seed in made]
    searcher.collection.store.add_tags([Tagging(item_id=ids[0], tag="made")])
    try:
        assert answers(searcher) == before
        assert the_rest(searcher) == others
    finally:
        discard(searcher.collection, ids)


def the_rest(searcher):
    """Everything beside search that looks at a whole collection."""
    collection, encoder = searcher.collection, searcher.encoder
    subject = read_collection(collection, encoder)
    return (
        [(r.item.id, r.score) for r in recommend_items(collection, liked=[3, 10], disliked=[4], k=20)],
        label_items(collection, encoder, ["red", "yellow"]),
        find_duplicates(collection, threshold=0.999),
        texts_of(collection),
        (subject.pictures.tobytes(), subject.words),
    )


@given(made=st.lists(pictures, min_size=1, max_size=12), promoted=st.booleans())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_found_but_was_made_never_counts(searcher, made, promoted):
    """Promoted, or marked in somebody's own file: it may be a hit, but the verdict is that without it."""
    collection, encoder = searcher.collection, searcher.encoder
    queries = [replace(query, hybrid=False) for query in QUERIES]
    before = told(searcher, queries)
    whole = [replace(query, k=COUNT, offset=0, fold=False) for query in queries[:5]]
    real = [real_hits(searcher, query) for query in whole]
    if promoted:
        ids = [make(collection, encoder, colour, seed).id for colour, seed in dict.fromkeys(made)]
        promote(collection, ids)
    else:
        ids = [add_marked(collection, encoder, colour, seed) for colour, seed in dict.fromkeys(made)]
    try:
        assert told(searcher, queries) == before
        deep = [replace(query, k=COUNT + len(ids)) for query in whole]
        assert [real_hits(searcher, query) for query in deep] == real
        red = searcher.search(replace(QUERIES[0], k=200, fold=False))
        assert set(ids) <= {hit.item.id for hit in red.hits}
    finally:
        collection.store.remove(ids)


def test_a_verdict_stands_though_the_best_hundred_hits_were_made(searcher, collection, encoder):
    asked = Picture(name="p", data=encoded("yellow", 1_000))
    query = Query(terms=(asked,), text="p", fold=False, k=100)
    before = searcher.search(query).judgement
    for number in range(120):
        add_marked(collection, encoder, "yellow", 1_000, key=f"/marked/{number}")
    results = searcher.search(query)
    assert {hit.item.origin for hit in results.hits} == {"generated"}
    assert results.judgement == before


def test_words_that_only_made_items_hold_decide_nothing(searcher, collection, encoder):
    doubting = {
        key: replace(model, bias=model.bias - 30) for key, model in searcher.calibration().coverage.items()
    }
    sceptic = replace(searcher.calibration(), coverage=doubting)  # whom words alone convince
    searcher = Searcher(collection, encoder, calibrated=lambda *_: sceptic)
    unknown, known = parse_query(["zanzibar"]), parse_query(["013"])
    before = told(searcher, [unknown, known])
    assert before[0].coverage < 0.9
    assert before[1].coverage >= 0.9
    made = make(collection, encoder, "yellow", seed=900, for_query="zanzibar 013")
    assert told(searcher, [unknown, known]) == before
    promote(collection, [made.id])
    results = searcher.search(unknown)
    assert results.hits[0].item.id == made.id  # found by its words,
    assert results.hits[0].worded
    assert results.coverage < 0.9  # yet no answer
    marked = [add_marked(collection, encoder, "red", seed, title=f"013 {seed}") for seed in range(300, 420)]
    assert searcher.search(known).judgement == before[1]  # still the one real item that holds the word
    collection.store.remove(marked)


def test_who_asks_finds_what_stands_apart(searcher, collection, encoder):
    ids = [make(collection, encoder, "yellow", seed=seed).id for seed in (500, 501, 502)]
    query = replace(parse_query(["yellow"], k=100), fold=False)
    by_origin = replace(query, condition=parse_filter("origin=generated"))
    found = searcher.search(by_origin)
    assert sorted(hit.item.id for hit in found.hits) == ids
    assert found.considered == 3
    assert all(hit.item.apart and hit.probability is not None for hit in found.hits)
    assert found.verdict == "no match"
    assert "made by a model" in found.judgement.reason
    asked = searcher.search(replace(query, generated=True))
    assert asked.considered == COUNT + 3
    assert set(ids) <= {hit.item.id for hit in asked.hits}
    assert len(asked.hits) == COUNT + 3
    plain = searcher.search(query)
    assert asked.judgement == plain.judgement
    assert [h.item.id for h in asked.hits if h.item.id not in ids] == [h.item.id for h in plain.hits]
    narrowed = replace(query, generated=True, condition=parse_filter("width>0"))
    assert set(ids) <= {hit.item.id for hit in searcher.search(narrowed).hits}
    like = Query(terms=(Like(item_id=ids[0]),), text="like", fold=False, k=200)
    assert not set(ids) & {hit.item.id for hit in searcher.search(like).hits}
    assert set(ids[1:]) <= {hit.item.id for hit in searcher.search(replace(like, generated=True)).hits}


def test_pages_that_show_what_was_made_follow_on_each_other(searcher, collection, encoder):
    for seed in range(600, 640):
        item = make(collection, encoder, sorted(COLOURS)[seed % 7], seed=seed)
        if seed % 2:
            promote(collection, [item.id])
    query = replace(parse_query(["yellow"], k=200), generated=True)
    whole = searcher.search(query).hits
    ids = [hit.item.id for hit in whole]
    pages = [searcher.search(replace(query, k=7, offset=offset)).hits for offset in range(0, len(ids) + 7, 7)]
    assert [hit.item.id for page in pages for hit in page] == ids


def test_a_made_copy_never_hides_the_real_one(searcher, collection, encoder):
    """The copy of item 6, a byte for byte one, and the query is a picture nearer to another copy."""
    original = collection.item(6)
    copies = [
        make(collection, encoder, "yellow", seed=5).id,
        make(collection, encoder, "yellow", seed=1_001).id,
    ]
    promote(collection, copies)
    query = Query(terms=(Picture(name="p", data=encoded("yellow", 1_001)),), text="p", k=100)
    hits = searcher.search(query).hits
    real = [hit for hit in hits if hit.item.origin == "imported"]
    assert original.id in {item_id for hit in real for item_id in (hit.item.id, *hit.folded)}
    for hit in hits:
        if hit.item.origin == "generated":
            assert all(collection.item(i).origin == "generated" for i in hit.folded)


@st.composite
def foldable(draw):
    n = draw(st.integers(1, 25))
    rows = unit_rows(n, 3, draw(st.integers(0, 2**16)), draw(st.sampled_from([1, 2, 5])))
    hashes = draw(st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n))
    made = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return np.arange(n, dtype=np.int64), rows, hashes, made


def plainly_folded(ids, rows, hashes, made, threshold):
    """The rule in a plain loop: the first group that is open to the candidate, by hash, else by cosine."""
    groups = []
    for i in ids.tolist():
        open_groups = [g for g in groups if made[i] or not made[g[0]]]
        equal = [(j, g) for g in open_groups for j in g if hashes[i] and hashes[j] == hashes[i]]
        same = [min(equal)[1]] if equal else []
        near = [g for g in open_groups if np.vecdot(rows[g[0]], rows[i]) >= threshold]
        chosen = (same or near or [None])[0]
        if chosen is None:
            groups.append([i])
        else:
            chosen.append(i)
    return [(g[0], tuple(g[1:])) for g in groups]


@given(case=foldable(), threshold=st.sampled_from([0.5, 0.9, 0.99]))
@settings(deadline=None)
def test_folding_keeps_what_was_made_under_its_own_kind(case, threshold):
    ids, rows, hashes, made = case
    groups = fold(ids, rows, hashes=hashes, threshold=threshold, made=made)
    for group in groups:
        assert made[group.id] <= min([made[i] for i in group.folded], default=True)
    deeper = fold(ids, rows, hashes=hashes, threshold=threshold, made=made)
    half = len(ids) // 2
    shallow = fold(ids[:half], rows[:half], hashes=hashes[:half], threshold=threshold, made=made[:half])
    assert [g.id for g in shallow] == [g.id for g in deeper][: len(shallow)]
    assert [(g.id, g.folded) for g in groups] == plainly_folded(ids, rows, hashes, made, threshold)


def test_calibration_learns_nothing_from_what_was_made(searcher, collection, encoder):
    before = calibrate_collection(collection, encoder)
    ids = [make(collection, encoder, "yellow", seed=seed).id for seed in range(700, 710)]
    promote(collection, ids[:5])
    for seed in range(800, 810):
        add_marked(collection, encoder, "red", seed)
    after = calibrate_collection(collection, encoder)
    for key, model in before.hits.items():
        np.testing.assert_array_equal(model.weights, after.hits[key].weights)
    for key, model in before.coverage.items():
        np.testing.assert_array_equal(model.weights, after.coverage[key].weights)
    assert after.bars == before.bars


def test_duplicates_are_not_chained_through_what_was_made(searcher, collection, encoder):
    before = find_duplicates(collection, threshold=0.97)
    promote(collection, [make(collection, encoder, "yellow", seed=seed).id for seed in range(900, 930)])
    add_marked(collection, encoder, "red", 930)
    assert find_duplicates(collection, threshold=0.97) == before


@pytest.mark.parametrize(("made", "told"), [(14, 14), (30, 6)])
def test_the_verdict_is_the_same_for_every_size_of_the_page(searcher, tmp_path, made, told):
    """Made pictures come first, and real texts, which are fewer than the page is long, far behind."""
    collection = Collection.create(tmp_path / "c", searcher.encoder)
    direction = searcher.embedder.embed(parse_query(["red"])).embedding
    rng = np.random.default_rng(0)

    def near(noise, count):
        rows = direction + noise * rng.normal(size=(count, len(direction))) / np.sqrt(len(direction))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    groups = (("image", GENERATED, near(0.2, made)), ("text", IMPORTED, near(0.6, told)))
    drafts = [
        draft(
            number,
            {},
            key=f"{kind}{number}",
            title="x",
            text="",
            embeddings={kind: row},
            provenance=provenance,
        )
        for kind, provenance, rows in groups
        for number, row in enumerate(rows)
    ]
    collection.store.promote(collection.store.write(drafts))
    mine = Searcher(collection, searcher.encoder, calibrated=lambda *_: searcher.calibration())
    asked = [replace(parse_query(["red"], k=k), hybrid=False, fold=False) for k in (1, 2, 10, 15, 60)]
    judgements = [mine.search(query).judgement for query in asked]
    assert judgements == [judgements[0]] * len(asked)
    collection.close()
