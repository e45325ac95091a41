"""Filling a collection as a job: progress, cancelling, going on, never the same twice."""

import threading
import time

import pytest

from indexer import Collection, Failure
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures
from ui.jobs.index import CREATE, INDEX, Filler, is_cut_short, latest, roots_of
from ui.jobs.runner import Jobs
from ui.services import operations
from ui.settings import Settings


class SlowEncoder(ColourEncoder):
    """Waits in each batch of pictures but the first, until it may go on."""

    def __init__(self):
        super().__init__()
        self.go, self.at_it = threading.Event(), threading.Event()

    def encode_images(self, images):
        if self.images_encoded > 32:
            self.at_it.set()
            assert self.go.wait(20)
        return super().encode_images(images)


@pytest.fixture
def jobs(tmp_path, collection):
    made = Jobs(collection.folder)
    yield made
    made.close()


@pytest.fixture
def settings(collection):
    return Settings(collection=collection.folder)


@pytest.fixture
def filler(jobs, settings, monkeypatch):
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    return Filler(jobs, settings)


def ended(jobs, job_id, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = jobs.get(job_id)
        if not job.is_active:
            return job
        time.sleep(0.02)
    raise AssertionError(f"still {jobs.get(job_id)}")


def test_a_folder_is_indexed_and_the_report_is_kept(filler, jobs, collection, tmp_path):
    write_pictures(tmp_path / "pictures", 40)
    (tmp_path / "pictures" / "bad.png").write_bytes(b"words")
    started = filler.index([tmp_path / "pictures"])
    assert (started.kind, started.title) == (INDEX, "pictures")
    job = ended(jobs, started.id)
    assert (job.state, job.error) == ("done", "")
    assert (job.result["added"], job.result["failures"], job.share) == (40, 1, 1.0)
    assert job.result["failed"][0]["path"].endswith("bad.png")
    assert job.result["paths"] == [str(tmp_path / "pictures")]
    assert len(collection) == 40


def test_without_paths_what_is_known_is_looked_at_again(filler, jobs, collection, tmp_path):
    write_pictures(tmp_path / "pictures", 3)
    ended(jobs, filler.index([tmp_path / "pictures"]).id)
    write_pictures(tmp_path / "pictures", 2, start=3)
    job = ended(jobs, filler.index().id)
    assert (job.result["added"], job.result["unchanged"]) == (2, 3)


def test_the_same_is_not_done_twice_but_another_place_waits_its_turn(jobs, settings, tmp_path):
    encoder = SlowEncoder()
    filler = Filler(jobs, settings, open_encoder=lambda *_: encoder)
    for name in ("a", "b"):
        write_pictures(tmp_path / name, 80)
    first = filler.index([tmp_path / "a"])
    assert encoder.at_it.wait(20)
    assert filler.index([tmp_path / "a"]).id == first.id
    second = filler.index([tmp_path / "b"])
    assert second.id != first.id
    assert jobs.get(second.id).state == "queued"
    assert latest(jobs, INDEX, CREATE).id == first.id
    encoder.go.set()
    assert ended(jobs, first.id).result["added"] == 80
    assert ended(jobs, second.id).state == "done"


def test_cancelling_keeps_what_is_finished_and_the_next_run_goes_on(jobs, settings, collection, tmp_path):
    encoder = SlowEncoder()
    filler = Filler(jobs, settings, open_encoder=lambda *_: encoder)
    write_pictures(tmp_path / "pictures", 120)
    started = filler.index([tmp_path / "pictures"])
    assert encoder.at_it.wait(20)
    jobs.cancel(started.id)
    encoder.go.set()
    job = ended(jobs, started.id)
    assert job.state == "cancelled"
    assert is_cut_short(job)
    assert job.result == {"paths": [str(tmp_path / "pictures")]}
    there = len(collection)
    assert 0 < there < 120
    again = ended(jobs, filler.index([tmp_path / "pictures"]).id)
    assert (again.result["added"], again.result["unchanged"]) == (120 - there, there)
    assert collection.count("image") == 120


def test_it_can_be_cancelled_while_it_is_still_looking(jobs, settings, tmp_path):
    filler = Filler(jobs, settings, open_encoder=lambda *_: ColourEncoder())
    write_pictures(tmp_path / "pictures", 3)
    looking = threading.Event()

    class Endless:
        root = str(tmp_path / "pictures")

        def scan(self):
            while True:
                looking.set()
                time.sleep(0.001)
                yield Failure(path="x", reason="y")

        def owns(self, key):
            return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ui.jobs.index.open_sources", lambda roots: ([Endless()], []))
        started = filler.index([tmp_path / "pictures"])
        assert looking.wait(20)
        jobs.cancel(started.id)
        assert ended(jobs, started.id).state == "cancelled"


def test_what_cannot_be_read_fails_with_its_sentence(filler, jobs, tmp_path):
    job = ended(jobs, filler.index([tmp_path / "nowhere"]).id)
    assert job.state == "failed"
    assert "does not exist" in job.error


@pytest.mark.files
def test_it_waits_for_another_writer(filler, jobs, collection, tmp_path):
    write_pictures(tmp_path / "pictures", 3)
    with collection.writing():
        started = filler.index([tmp_path / "pictures"])
        time.sleep(1)
        assert jobs.get(started.id).is_active
    assert ended(jobs, started.id).result["added"] == 3


def test_a_collection_is_made_for_a_model(tmp_path, monkeypatch):
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    monkeypatch.setattr(operations, "choose_model", lambda: ("colours", "for a test"))
    (tmp_path / "new").mkdir()
    jobs = Jobs(tmp_path / "new")
    job = ended(jobs, Filler(jobs, Settings(collection=tmp_path / "new")).create("auto").id)
    assert job.state == "done"
    assert job.result == {"model": "colours", "why": "Model: colours (for a test)."}
    opened = Collection.open(tmp_path / "new")
    assert len(opened) == 0
    opened.close()
    jobs.close()


def test_the_roots_of_failures_are_indexed_again_and_no_others(tmp_path):
    failures = [Failure(path=path, reason="") for path in ("/a/x.png", "/shop/t.csv#17", "/ab/y.png")]
    found = roots_of(failures, ["/a", "/b", "/shop/t.csv"])
    assert [str(path) for path in found] == ["/a", "/shop/t.csv"]


def test_trying_again_reads_what_failed_and_nothing_else(filler, jobs, encoder, tmp_path, collection):
    paths = write_pictures(tmp_path / "pictures", 3)
    good = paths[0].read_bytes()
    paths[0].write_bytes(b"words")
    report = ended(jobs, filler.index([tmp_path / "pictures"]).id).result
    failures = [Failure(**each) for each in report["failed"]]
    paths[0].write_bytes(good)
    roots = roots_of(failures, collection.store.roots())
    again = ended(jobs, filler.index(roots).id).result
    assert (again["added"], again["unchanged"], again["failures"]) == (1, 2, 0)
