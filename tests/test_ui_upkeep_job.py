"""Calibrating, measuring and examining as jobs, and the curves that are drawn of it."""

import json
import shutil
import time

import numpy as np
import pytest

from indexer import Collection
from search import TooFewToCalibrate, recall_curves, verdict_curves
from search.evaluation.curves import roc_points
from tests.colour_encoder import ColourEncoder
from tests.gap_shelf import make_shelf
from ui.jobs.index import Filler
from ui.jobs.runner import Jobs
from ui.jobs.upkeep import Keeper
from ui.services import doctor, operations
from ui.settings import Settings


@pytest.fixture
def shelf(tmp_path):
    made = make_shelf(tmp_path).collection
    yield made
    made.close()


@pytest.fixture
def keeper(shelf, monkeypatch):
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    monkeypatch.setattr(doctor, "model_available", lambda name: True)
    settings = Settings(collection=shelf.folder)
    jobs = Jobs(shelf.folder)
    made = Keeper(Filler(jobs, settings), settings)
    made.jobs = jobs
    yield made
    jobs.close()


def ended(keeper, job, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = keeper.jobs.get(job.id)
        if not found.is_active:
            return found
        time.sleep(0.05)
    raise AssertionError("still at it")


def test_the_curves_say_how_good_search_and_verdicts_are(shelf, encoder):
    [recall] = recall_curves(shelf, encoder)
    assert recall.words == "captions and titles"
    assert (recall.texts, recall.pictures) == (6, 96)
    shares = [share for _, share in recall.points]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0, "the tiny encoder knows its colours"
    found = verdict_curves(shelf, encoder)
    assert found.area > 0.9
    assert found.roc[0] == (0.0, 0.0)
    assert found.roc[-1] == (1.0, 1.0)
    assert sum(row.count for row in found.reliability) == found.queries
    assert 0 <= found.error <= 1
    assert "one half" in found.judged


def test_too_few_items_are_told(collection, encoder):
    with pytest.raises(TooFewToCalibrate):
        verdict_curves(collection, encoder)
    assert recall_curves(collection, encoder) == ()


def test_the_curve_of_chance_is_the_diagonal_and_that_of_an_oracle_is_the_corner():
    positive = np.array([True, False] * 500)
    chance = roc_points(np.zeros(1000), positive)
    assert chance == ((0.0, 0.0), (1.0, 1.0))
    oracle = roc_points(positive.astype(float), positive)
    assert oracle == ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0))
    many = roc_points(np.random.default_rng(0).random(1000), positive)
    assert len(many) <= 203
    assert many[-1] == (1.0, 1.0)


def test_measuring_keeps_figures_and_curves_as_json(keeper):
    job = ended(keeper, keeper.measure())
    assert (job.state, job.error) == ("done", "")
    told = json.loads(json.dumps(job.result))
    assert "captions and titles" in told["figures"]["figures"]
    assert told["recall"][0]["points"][-1][1] == 1.0
    assert told["verdicts"]["area"] > 0.9


def test_too_little_of_one_kind_is_told_in_its_place(keeper, shelf, tmp_path):
    shutil.rmtree(tmp_path / "pictures", ignore_errors=True)
    shelf.store.remove(list(range(11, 97)))
    job = ended(keeper, keeper.measure())
    assert job.state == "done"
    assert "too few" in job.result["verdicts"]["why not"]
    assert job.result["recall"] == []


def test_calibrating_keeps_a_calibration(keeper, shelf):
    own = shelf.folder / "calibration.safetensors"
    own.unlink(missing_ok=True)
    job = ended(keeper, keeper.calibrate())
    assert (job.state, job.error) == ("done", "")
    assert 0 < job.result["weak"] <= job.result["match"] <= 1
    assert own.is_file()


def test_calibrating_too_little_fails_with_its_sentence(keeper, shelf):
    shelf.store.remove(list(range(11, 97)))
    assert "too few to calibrate" in ended(keeper, keeper.calibrate()).error


def test_examining_and_repairing(keeper, shelf):
    [file] = shelf.folder.glob("image-*.faiss")
    file.write_bytes(b"damaged")
    job = ended(keeper, keeper.examine(repair=False))
    assert (job.state, job.result["healthy"], job.result["repairable"]) == ("done", False, True)
    assert len(job.result["findings"]) >= 16
    mended = ended(keeper, keeper.examine(repair=True))
    assert mended.result["healthy"]
    assert ended(keeper, keeper.examine(repair=False)).result["healthy"]


def test_repairing_while_somebody_writes_fails_with_its_sentence(keeper, shelf):
    other = Collection.open(shelf.folder)
    with other.writing():
        assert "Another process is writing" in ended(keeper, keeper.examine(repair=True)).error
    other.close()
