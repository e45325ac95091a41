"""Filling gaps: only where something lacks, only what proves to answer, all of it or nothing."""

import io
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from generation import (
    BadRequest,
    Blocked,
    Concept,
    CopyIndex,
    FillOptions,
    GenerationCancelled,
    GeneratorMismatch,
    OutOfMemory,
    SafetyPolicy,
    candidate_png,
    fill_gap,
    outline,
)
from generation.fill import extras, wait_for_lock
from generation.fill.verify import Verifier, aimed
from indexer import CollectionBusy, Generated, StorageFailure, promote
from search import Like, Picture, Query, Searcher, Words, parse_filter, parse_query
from tests.colour_encoder import ColourEncoder
from tests.colour_generator import STEPS, ColourGenerator
from tests.colour_pictures import encoded, picture
from tests.gap_shelf import HELD, make_shelf

YELLOW = parse_query(["yellow"])


@pytest.fixture
def searcher(tmp_path):
    made = make_shelf(tmp_path)
    yield made
    made.collection.close()


@pytest.fixture
def generator():
    return ColourGenerator()


def generated(searcher):
    ids = searcher.collection.select(parse_filter("origin=generated"))
    return searcher.collection.store.items(ids.tolist())


def files(searcher):
    folder = searcher.collection.folder / "generated"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def nothing_kept(searcher):
    return generated(searcher) == [] and files(searcher) == []


# -- what is filled, and what is not ---------------------------------------------------------------------


def test_a_gap_is_filled_by_what_proves_to_answer_it(searcher, generator):
    options = FillOptions(candidates=6, seed=0)
    report = fill_gap(searcher, generator, YELLOW, options)
    assert (report.before.verdict, report.outcome, report.reused) == ("no match", "filled", ())
    assert len(report.candidates) == 6
    best = report.candidates[0]
    assert (best.item_id, best.refused, best.verdict) == (report.kept[0], None, "match")
    (item,) = generated(searcher)
    assert (item.id, item.apart, item.title) == (report.kept[0], True, "yellow")
    with Image.open(item.path) as stored:
        assert np.asarray(stored.convert("RGB")).reshape(-1, 3).mean(0) == pytest.approx(
            (220, 210, 30), abs=40
        )
    row = searcher.collection.embeddings("image", np.array([item.id]))[0]
    with Image.open(item.path) as stored:
        assert searcher.encoder.encode_images([stored])[0] @ row > 0.999


def test_what_went_astray_is_refused_and_comes_last(searcher, generator):
    report = fill_gap(searcher, generator, YELLOW, FillOptions(candidates=9, seed=0, keep=9))
    astray = {each.settings.seed for each in report.candidates if "does not answer" in (each.refused or "")}
    assert astray == {2, 5, 8}
    assert [each.settings.seed % 3 == 2 for each in report.candidates] == [False] * 6 + [True] * 3
    passing = [each for each in report.candidates if each.refused is None]
    assert [each.item_id for each in passing] == list(report.kept)
    chances = [each.probability for each in report.candidates[len(passing) :]]
    assert chances == sorted(chances, reverse=True)


def test_of_pictures_that_are_nearly_the_same_one_is_kept(searcher, generator):
    report = fill_gap(searcher, generator, YELLOW, FillOptions(candidates=6, seed=0, keep=6))
    rows = searcher.collection.embeddings("image", np.array(report.kept))
    alike = rows @ rows.T - 2 * np.eye(len(rows))
    assert alike.max() < 0.95
    assert any(each.refused == "near copy of another candidate" for each in report.candidates)


def test_nothing_is_made_where_there_is_an_answer(searcher, generator):
    for colour in HELD:
        report = fill_gap(searcher, generator, parse_query([colour]))
        assert (report.outcome, report.candidates, report.prompt) == ("not needed", (), None)
    assert generator.requests == []
    assert nothing_kept(searcher)


def test_what_was_made_before_is_found_and_never_counts_as_coverage(searcher, generator):
    first = fill_gap(searcher, generator, YELLOW, FillOptions(seed=0))
    for words in ("yellow", "a yellow picture"):
        again = fill_gap(searcher, generator, parse_query([words]))
        assert (again.outcome, again.reused, again.before.verdict) == ("reused", first.kept, "no match")
    promote(searcher.collection, first.kept)
    again = fill_gap(searcher, generator, YELLOW)
    assert (again.outcome, again.reused, again.before.verdict) == ("reused", first.kept, "no match")
    assert len(generator.requests) == 1


def test_force_makes_more(searcher, generator):
    fill_gap(searcher, generator, YELLOW, FillOptions(seed=0))
    more = fill_gap(searcher, generator, YELLOW, FillOptions(seed=30, force=True))
    assert more.outcome == "filled"
    assert len(generated(searcher)) == 2
    copied = fill_gap(searcher, generator, parse_query(["red"]), FillOptions(seed=0, force=True))
    assert copied.before.verdict == "match"
    for each in copied.candidates:
        assert each.refused is None or each.refused.startswith(("near copy of item", "does not answer"))


def test_where_nothing_passes_nothing_is_kept_and_the_best_is_shown(searcher, generator):
    report = fill_gap(searcher, generator, YELLOW, FillOptions(candidates=1, seed=2))
    assert (report.outcome, report.kept) == ("not convincing", ())
    assert report.candidates[0].image is not None
    assert nothing_kept(searcher)


def test_a_copy_of_an_item_is_never_kept(tmp_path):
    """A grey thing that search does not take for an answer: painted again, it is a copy, not an answer."""
    searcher = make_shelf(tmp_path)
    generator = ColourGenerator()
    shown = Query(terms=(Picture(name="upload", data=encoded("blue", seed=999)),), text="upload")
    report = fill_gap(searcher, generator, shown, FillOptions(force=True, candidates=3, seed=0))
    assert report.kept == ()
    assert any((each.refused or "").startswith("near copy of item") for each in report.candidates)
    searcher.collection.close()


def test_a_copy_of_a_training_picture_is_never_kept(searcher, generator):
    probe = fill_gap(searcher, generator, YELLOW, FillOptions(candidates=1, seed=0))
    image = probe.candidates[0].image
    training = CopyIndex(
        rows=searcher.encoder.encode_images([image]), outlines=outline(image)[None], names=("39386",)
    )
    options = FillOptions(candidates=1, seed=0, training=training, force=True)
    report = fill_gap(searcher, generator, YELLOW, options)
    assert (report.outcome, report.candidates[0].refused) == (
        "not convincing",
        "near copy of training picture 39386",
    )


def test_a_picture_that_was_made_has_three_times_the_odds():
    assert [aimed(chance) for chance in (0.0, 0.2, 0.5, 1.0)] == [0, pytest.approx(3 / 7), 0.75, 1]


@pytest.mark.parametrize("words", ["yellow", "a yellow picture", "yellow - red"])
def test_what_is_there_already_proves_nothing(searcher, words):
    verifier = Verifier(searcher, parse_query([words]))
    assert verifier.before.verdict != "match"
    rows = searcher.collection.embeddings("image", np.array([item.id for item in verifier.misses]))
    judged = [verifier.judge(row) for row in rows]
    assert not any(found.answers for found in judged)
    assert all(found.evidence == pytest.approx(found.resembled, abs=2e-4) for found in judged)
    assert [found.probability for found in judged] == [
        pytest.approx(aimed(found.evidence), abs=1e-3) for found in judged
    ]


def test_what_is_lacking_proves_itself(searcher):
    verifier = Verifier(searcher, YELLOW)
    found = verifier.judge(searcher.encoder.encode_images([picture("yellow", seed=3)])[0])
    assert found.answers
    assert found.coverage >= found.probability >= found.evidence > found.resembled


# -- how it is asked for ---------------------------------------------------------------------------------


def test_the_request_carries_prompt_embedding_and_nearest_misses(searcher):
    generator = ColourGenerator(tokens=77)
    query = parse_query(["yellow - red"])
    options = FillOptions(
        seed=7, candidates=2, steps=4, guidance=3.0, negative="ugly", neighbours=3, style_weight=0.5
    )
    options = replace(options, kind="photo", force=True)
    report = fill_gap(searcher, generator, query, options)
    (request,) = generator.requests
    assert request.prompt == report.prompt.text
    assert request.prompt.startswith("photo of yellow, ")
    assert request.negative_prompt.startswith("red, ugly, ")
    assert (request.seed, request.count, request.steps, request.guidance) == (7, 2, 4, 3.0)
    embedding = searcher.embedder.embed(query).embedding
    assert np.abs(request.embedding - embedding).max() < 1e-3
    near = Verifier(searcher, query).misses
    assert request.neighbours.shape == (3, 32)
    rows = searcher.collection.embeddings("image", np.array([item.id for item in near[:3]]))
    assert np.array_equal(request.neighbours, rows)


def test_style_can_be_ignored(searcher, generator):
    fill_gap(searcher, generator, YELLOW, FillOptions(style_weight=0))
    assert generator.requests[0].neighbours is None
    (item,) = generated(searcher)
    assert item.provenance.parents == ()


def test_provenance_tells_all(searcher, generator):
    report = fill_gap(
        searcher, generator, YELLOW, FillOptions(seed=3, candidates=1, neighbours=2, style_weight=0.5)
    )
    told = generated(searcher)[0].provenance
    assert isinstance(told, Generated)
    assert (told.model, told.revision, told.seed, told.steps) == ("colours", "1", 3, STEPS)
    assert (told.mode, told.scheduler, told.width, told.height) == ("embedding-to-image", "paint", 48, 48)
    assert (told.for_query, told.verdict, told.prompt) == ("yellow", "match", report.prompt.text)
    assert told.parents == tuple(item.id for item in Verifier(searcher, YELLOW).misses[:2])
    embedding, near = extras.unpacked(told.extras[extras.CONDITION], 32)
    assert np.array_equal(embedding, generator.requests[0].embedding)
    assert np.array_equal(near, generator.requests[0].neighbours)
    assert told.extras[extras.PROBABILITY] == report.candidates[0].probability


@pytest.mark.parametrize("describe", [True, False])
def test_files_say_that_they_are_synthetic_and_hold_no_embedding(searcher, generator, describe):
    options = FillOptions(candidates=1, describe=describe, kind="photo")
    report = fill_gap(searcher, generator, YELLOW, options)
    data = files(searcher)[0].read_bytes()
    assert b"trainedAlgorithmicMedia" in data
    assert (b"photo of yellow" in data) == describe
    assert extras.CONDITION.encode() not in data
    shown = candidate_png(report.candidates[0], describe=describe)
    with Image.open(io.BytesIO(shown)) as image:
        assert np.array_equal(np.asarray(image), np.asarray(report.candidates[0].image))
    assert b"trainedAlgorithmicMedia" in shown


def test_it_can_start_from_the_querys_picture_or_the_nearest_miss(searcher, generator):
    upload = Picture(name="upload", data=encoded("green", seed=5))
    query = Query(terms=(upload, Words(text="yellow", weight=2)), text="upload + yellow")
    fill_gap(searcher, generator, query, FillOptions(start="query", force=True, strength=0.4))
    fill_gap(searcher, generator, YELLOW, FillOptions(start="nearest", force=True))
    item = Query(terms=(Like(item_id=3), Words(text="yellow", weight=3)), text="item:3 + yellow")
    fill_gap(searcher, generator, item, FillOptions(start="query", force=True))
    starts = [request.start for request in generator.requests]
    assert [start.size for start in starts] == [(48, 40)] * 3
    assert np.array_equal(np.asarray(starts[0]), np.asarray(picture("green", seed=5)))
    assert generator.requests[0].strength == 0.4
    with pytest.raises(BadRequest, match="the query's picture"):
        fill_gap(searcher, generator, YELLOW, FillOptions(start="query", force=True))


def test_a_mask_says_where_to_paint_anew(searcher, generator):
    upload = Picture(name="upload", data=encoded("green", seed=5))
    query = Query(terms=(upload, Words(text="yellow", weight=2)), text="upload + yellow")
    mask = Image.new("L", (48, 40))
    fill_gap(searcher, generator, query, FillOptions(start="query", force=True, mask=mask))
    assert generator.requests[0].mask is mask
    with pytest.raises(BadRequest, match="a mask alone"):
        FillOptions(mask=mask)
    with pytest.raises(BadRequest, match="a mask of"):
        fill_gap(
            searcher, generator, query, FillOptions(start="query", force=True, mask=Image.new("L", (9, 9)))
        )


def test_a_condition_narrows_what_counts_as_an_answer(searcher, generator):
    condition = parse_filter("id<=2")  # grey and black: no red among them
    query = replace(parse_query(["red"]), condition=condition, where="id<=2")
    assert HELD[:2] != ("red",)
    verifier = Verifier(searcher, query)
    assert {item.id for item in verifier.misses} == {1, 2}
    assert fill_gap(searcher, generator, query, FillOptions(seed=0)).before.verdict != "match"


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep": 0},
        {"candidates": 2, "keep": 3},
        {"candidates": 65},
        {"neighbours": 11},
        {"neighbours": -1},
        {"steps": -4},
        {"guidance": float("nan")},
        {"style_weight": 2},
        {"size": (512, 5)},
    ],
)
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(BadRequest):
        FillOptions(**wrong)


def test_a_generator_for_another_encoder_is_refused(searcher):
    with pytest.raises(GeneratorMismatch):
        fill_gap(searcher, ColourGenerator(ColourEncoder(seed=9)), YELLOW)


def test_what_cannot_be_judged_cannot_be_filled(searcher, generator):
    bare = Searcher(searcher.collection, searcher.encoder)
    with pytest.raises(BadRequest, match="cannot be judged"):
        fill_gap(bare, generator, YELLOW, FillOptions(force=True))
    assert generator.requests == []


# -- safety ----------------------------------------------------------------------------------------------


def test_a_blocked_prompt_makes_nothing(searcher, generator):
    policy = SafetyPolicy(concepts=(), words={"yellow": "cowardice"})
    with pytest.raises(Blocked, match="cowardice"):
        fill_gap(searcher, generator, YELLOW, FillOptions(policy=policy))
    concept = SafetyPolicy(concepts=(Concept(name="gold", phrases=("yellow",)),), words={})
    with pytest.raises(Blocked, match="seems to ask for gold"):
        fill_gap(searcher, generator, YELLOW, FillOptions(policy=concept))
    assert generator.requests == []


def test_a_blocked_picture_to_start_from_makes_nothing(searcher, generator):
    policy = SafetyPolicy(concepts=(Concept(name="redness", phrases=("red",)),), words={}, margin=0)
    shown = Query(terms=(Picture(name="me.png", data=encoded("red", seed=700)),), text="me.png")
    with pytest.raises(Blocked, match="the picture 'me"):
        fill_gap(searcher, generator, shown, FillOptions(policy=policy, force=True))


class Blocking(ColourGenerator):
    """Its own checker refuses every picture, and paints it black, as that of Stable Diffusion does."""

    def generate(self, request, *, on_step=None):
        made = super().generate(request, on_step=on_step)
        black = Image.new("RGB", (48, 48))
        return [replace(each, image=black, blocked="its own checker flagged it") for each in made]


def test_blocked_pictures_are_reported_and_never_shown(searcher):
    report = fill_gap(searcher, Blocking(), YELLOW)
    assert report.outcome == "blocked"
    for each in report.candidates:
        assert (each.image, each.refused) == (None, "blocked: its own checker flagged it")
        with pytest.raises(ValueError, match="blocked"):
            candidate_png(each)
    assert nothing_kept(searcher)


# -- nothing by halves -----------------------------------------------------------------------------------


def test_a_cancelled_run_keeps_nothing(searcher, generator):
    seen = []

    def on_step(step):
        seen.append((step.picture, step.step))
        return len(seen) < 5

    with pytest.raises(GenerationCancelled) as caught:
        fill_gap(searcher, generator, YELLOW, on_step=on_step)
    assert caught.value.exit_code == 130
    assert seen == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]
    assert nothing_kept(searcher)


def test_running_out_of_memory_keeps_nothing(searcher):
    class Greedy(ColourGenerator):
        def generate(self, request, *, on_step=None):
            raise OutOfMemory("colours", "48 x 48")

    with pytest.raises(OutOfMemory):
        fill_gap(searcher, Greedy(), YELLOW)
    assert nothing_kept(searcher)


def test_a_full_disk_keeps_whole_items_only(searcher, generator, file_size_limit):
    searcher.search(YELLOW)  # indexes and calibration are there
    with file_size_limit(200), pytest.raises(StorageFailure):
        fill_gap(searcher, generator, YELLOW, FillOptions(seed=0))
    assert nothing_kept(searcher)
    assert fill_gap(searcher, generator, YELLOW, FillOptions(seed=0)).outcome == "filled"


@pytest.fixture
def file_size_limit():
    """Let no file of this process grow beyond some bytes: the kernel then fails writes as on a full disk."""
    import contextlib
    import resource
    import signal

    @contextlib.contextmanager
    def limit(size):
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, ignored)

    return limit


def test_another_writer_is_waited_for(searcher, generator):
    busy, release = threading.Event(), threading.Event()

    def write():
        with searcher.collection.writing():
            busy.set()
            release.wait(10)

    other = threading.Thread(target=write)
    other.start()
    busy.wait(10)
    threading.Timer(0.6, release.set).start()
    report = fill_gap(searcher, generator, YELLOW, FillOptions(seed=0))
    other.join()
    assert report.outcome == "filled"


def test_but_not_for_ever(monkeypatch):
    monkeypatch.setattr(wait_for_lock, "PATIENCE_S", 0.3)

    def write():
        raise CollectionBusy("somewhere")

    with pytest.raises(CollectionBusy):
        wait_for_lock.patiently(write)
