"""Another encoder in place: what is embedded again from what, what stays, and who refuses afterwards."""

import hashlib
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from indexer import (
    Collection,
    CollectionBusy,
    EncoderDrift,
    EncoderReplaced,
    Tagging,
    Unanswered,
    examine,
    gathered_embeddings,
    index_sources,
    open_source,
    optimize,
    promote,
    reembed,
)
from indexer.collection import optimize as optimize_module
from indexer.storage.new_embeddings import NewEmbeddings
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, picture, write_pictures
from tests.made_pictures import make


class WideEncoder(ColourEncoder):
    """Other weights, and embeddings of another width."""

    def __init__(self):
        super().__init__("wide", seed=3)
        rng = np.random.default_rng(3)
        self._rotation = rng.normal(size=(28, 48)).astype(np.float32)
        sha256 = hashlib.sha256(self._rotation.tobytes()).hexdigest()
        self.spec = replace(self.spec, dim=48, weights_sha256=sha256)


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


def interrupt_after(batches):
    left = [batches]

    def on_progress(progress):
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted

    return on_progress


@pytest.fixture
def newer():
    return ColourEncoder("colours", seed=1)


@pytest.fixture
def filled(collection, index, tmp_path):
    """Pictures, some with captions, and a text; the folder as ``filled.photos``."""
    collection.photos = tmp_path / "photos"
    for path in write_pictures(collection.photos, 40)[:10]:
        path.with_suffix(".txt").write_text("a red caption")
    (collection.photos / "note.txt").write_text("green words")
    index(collection.photos)
    return collection


@pytest.fixture
def reopened():
    opened = []

    def reopen(collection):
        opened.append(Collection.open(collection.folder))
        return opened[-1]

    yield reopen
    for each in opened:
        each.close()


def by_key(collection):
    return {known.key: known.id for known in collection.store.walk()}


def row_of(collection, item_id, kind="image"):
    return collection.embeddings(kind, np.array([item_id]))[0]


def agree(row, encoder, colour, seed=0):
    return float(row @ encoder.encode_images([picture(colour, seed)])[0])


@pytest.mark.parametrize("make_encoder", [lambda: ColourEncoder("colours", seed=1), WideEncoder])
def test_a_collection_is_as_if_the_new_encoder_had_made_it(filled, reopened, make_encoder, tmp_path):
    new = make_encoder()
    ids = by_key(filled)
    items = filled.store.items(sorted(ids.values()))
    filled.store.add_tags([Tagging(item_id=items[3].id, tag="sale")])
    made = reembed(filled, new)
    assert (made.embedded, made.kept, made.from_thumbnails, made.lost) == (51, 0, 0, 0)
    after = reopened(filled)
    assert after.spec == new.spec
    after.verify(new)
    expected = Collection.create(tmp_path / "expected", new)
    index_sources(expected, new, [open_source(filled.photos)])
    assert by_key(after) == ids
    for key, item_id in by_key(expected).items():
        item = after.item(ids[key])
        for kind in item.kinds:
            assert np.allclose(row_of(after, ids[key], kind), row_of(expected, item_id, kind), atol=1e-3)
    assert [replace(item, tags=()) for item in after.store.items(sorted(ids.values()))] == items
    assert after.item(items[3].id).tags == ("sale",)
    report = index_sources(after, new, [open_source(filled.photos)])
    assert (report.unchanged, report.embedded) == (41, 0)
    [query] = new.encode_texts(["red"])
    assert after.search(query, 1)["image"].ids[0] == expected.search(query, 1)["image"].ids[0]
    expected.close()


def test_who_has_it_open_searches_the_old_ones_until_then_and_refuses_afterwards(filled, newer, encoder):
    [query] = encoder.encode_texts(["red"])
    before = filled.search(query, 5)["image"]
    reader = Collection.open(filled.folder)
    asked = []

    def on_progress(progress):
        asked.append(reader.search(query, 5)["image"])

    reembed(filled, newer, on_progress=on_progress)
    assert len(asked) > 1
    assert all((found.ids == before.ids).all() and (found.scores == before.scores).all() for found in asked)
    for stale in (reader, filled):
        assert not stale.is_current
        with pytest.raises(EncoderReplaced, match="embedded again"):
            stale.search(query, 5)
        with pytest.raises(EncoderReplaced), stale.writing():
            pass
        miss = Unanswered(text="x", kind="text", verdict="weak", coverage=0.3, embedding=query)
        assert not stale.log_miss(miss)
    reader.close()


def test_a_search_within_an_older_moment_is_of_that_moment(filled, newer, encoder):
    [query] = encoder.encode_texts(["red"])
    before = filled.search(query, 5)["image"]
    with filled.snapshot():
        assert filled.store.change() == filled.store.latest_change()
        reembed_elsewhere(Collection.open(filled.folder), newer)
        found = filled.search(query, 5)["image"]
        assert (found.ids == before.ids).all()
        assert (found.scores == before.scores).all()
    with pytest.raises(EncoderReplaced):
        filled.search(query, 5)


def test_an_interrupted_change_goes_on_and_the_old_encoder_still_indexes(filled, newer, reopened, encoder):
    newer.batch_size = 10
    with pytest.raises(Interrupted):
        reembed(filled, newer, on_progress=interrupt_after(1))
    assert gathered_embeddings(filled) == ("colours", 20)
    changed = filled.photos / "000_black.png"
    changed.write_bytes(encoded("yellow", seed=77))
    (filled.photos / "001_white.png").unlink(missing_ok=True)
    write_pictures(filled.photos, 2, start=300)
    index_sources(filled, encoder, [open_source(filled.photos)])
    first = newer.images_encoded
    made = reembed(filled, newer)
    assert made.kept in (19, 20)
    assert newer.images_encoded - first < 30
    after = reopened(filled)
    item_id = by_key(after)[str(changed)]
    assert agree(row_of(after, item_id), newer, "yellow", 77) > 0.999, "its content had changed meanwhile"
    assert gathered_embeddings(after) is None


def test_what_was_gathered_for_another_encoder_is_not_used(filled, newer, reopened):
    with pytest.raises(Interrupted):
        reembed(filled, newer, on_progress=interrupt_after(1))
    wide = WideEncoder()
    made = reembed(filled, wide)
    assert made.kept == 0
    assert reopened(filled).spec == wide.spec


def test_pictures_whose_originals_are_away_come_from_their_thumbnails(filled, newer, reopened, tmp_path):
    (filled.photos / "002_red.png").write_bytes(encoded("blue", seed=9))  # another picture now
    made_here = make(filled, ColourEncoder("colours"), "yellow")
    promoted = make(filled, ColourEncoder("colours"), "green", seed=5)
    promote(filled, [promoted.id])
    count = sum(path.suffix == ".png" for path in filled.photos.iterdir())
    made = reembed(filled, newer)
    assert made.from_thumbnails == 1
    ids = by_key(filled)
    filled.photos.rename(tmp_path / "away")
    again = Collection.open(filled.folder)
    old_id = ids[str(filled.photos / "002_red.png")]
    assert agree(row_of(again, old_id), newer, "red", 2) > 0.98, "it is still the picture that was indexed"
    wide = WideEncoder()
    made = reembed(again, wide)
    assert (made.from_thumbnails, made.lost) == (count, 0)
    after = reopened(filled)
    apart = after.store.apart()
    assert apart == [made_here.id]
    assert agree(row_of(after, made_here.id), wide, "yellow") > 0.999, "its own file is in the collection"
    assert agree(row_of(after, promoted.id), wide, "green", 5) > 0.999
    assert agree(row_of(after, old_id), wide, "red", 2) > 0.98
    again.close()


def test_pictures_in_an_archive_are_read_from_it(collection, index, newer, reopened, tmp_path):
    archive = tmp_path / "shard.tar"
    with tarfile.open(archive, "w") as tar:
        for number, colour in enumerate(["red", "green", "blue"]):
            path = tmp_path / f"{number}.png"
            path.write_bytes(encoded(colour, number))
            tar.add(path, arcname=path.name)
    index(archive)
    assert all(collection.item(item_id).path is None for item_id in by_key(collection).values())
    made = reembed(collection, newer)
    assert (made.embedded, made.from_thumbnails) == (3, 0)
    after = reopened(collection)
    archive.unlink()
    wide = reembed(after, WideEncoder())
    assert wide.from_thumbnails == 3


def test_titles_that_were_embedded_are_embedded_again(collection, index, newer, reopened, tmp_path):
    table = tmp_path / "shop.csv"
    table.write_text("title,description\nred shoe,made of green leather\nblue,\n")
    index(table)
    reembed(collection, newer)
    after = reopened(collection)
    rows = newer.encode_texts(["red shoe. made of green leather", "blue"])
    for item_id, row in zip(sorted(by_key(after).values()), rows, strict=True):
        assert row_of(after, item_id, "text") @ row > 0.999


def test_what_cannot_be_read_at_all_stays_and_is_read_by_a_later_run(filled, newer, reopened):
    path = filled.photos / "004_blue.png"
    kept = path.read_bytes()
    path.unlink()
    item_id = by_key(filled)[str(path)]
    with filled.database.writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM thumbnails WHERE item_id = {item_id}")
    filled.store.add_tags([Tagging(item_id=item_id, tag="mine")])
    assert reembed(filled, newer).lost == 1
    path.write_bytes(kept)
    after = reopened(filled)
    report = index_sources(after, newer, [open_source(filled.photos)])
    assert report.embedded == 1
    assert after.item(item_id).tags == ("mine",)
    assert agree(row_of(after, item_id), newer, "blue", 4) > 0.999


def test_misses_are_asked_again_with_the_new_encoder(filled, newer, reopened, encoder):
    [words], [image] = encoder.encode_texts(["blue"]), encoder.encode_images([picture("green", 3)])
    for text, kind, row in (("blue", "text", words), ("picture", "image", image)):
        filled.log_miss(Unanswered(text=text, kind=kind, verdict="weak", coverage=0.4, embedding=row))
    before = [(miss.id, miss.text, miss.times, miss.last_at) for miss in filled.store.misses()]
    wide = WideEncoder()
    reembed(filled, wide)
    after = reopened(filled).store.misses()
    assert [(miss.id, miss.text, miss.times, miss.last_at) for miss in after] == before
    rows = {miss.text: miss.embedding for miss in after}
    assert rows["blue"] @ wide.encode_texts(["blue"])[0] > 0.999
    assert rows["picture"] @ wide.encode_images([picture("green", 3)])[0] > 0.95, "carried over"


@pytest.mark.files
def test_a_large_index_of_before_is_not_used(filled, newer, reopened, monkeypatch, encoder):
    monkeypatch.setattr(optimize_module, "LARGE", 8)
    assert "image" in optimize(filled)
    reembed(filled, newer)
    after = reopened(filled)
    assert after.drift("image") is None, "an exact index was made in its place"
    ids, rows = after.store.embeddings("image")
    assert (after.embeddings("image", ids) == rows).all()
    assert examine(filled.folder, open_encoder=lambda _: newer).is_healthy


@pytest.mark.files
def test_nobody_else_writes_meanwhile(filled, newer):
    other = Collection.open(filled.folder)
    with other.writing(), pytest.raises(CollectionBusy):
        reembed_elsewhere(filled, newer)
    other.close()


def reembed_elsewhere(collection, encoder):
    """From another thread: the lock belongs to one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(reembed, collection, encoder).result()


def test_an_older_version_of_the_model_is_told_what_to_do(filled, newer):
    with pytest.raises(EncoderDrift, match=r"'findmake index'.*'findmake model NAME'"):
        filled.verify(newer)
    assert NewEmbeddings(filled.database).under_way() is None
