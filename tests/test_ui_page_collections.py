"""The page Collections, in Streamlit's own test harness."""

import time
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from indexer import Collection
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures
from tests.gap_shelf import make_shelf
from ui.jobs.index import Stopped
from ui.page import state
from ui.page.collection import create
from ui.page.model import model_list
from ui.services import doctor, operations
from ui.services import models as zoo
from ui.settings import ALLOW, COLLECTION

APP = Path(__file__).parents[1] / "ui" / "app.py"
CARD = Path(__file__).parents[1] / "data" / "starter" / "MODEL_CARD.md"


@pytest.fixture(autouse=True)
def shelf(monkeypatch, tmp_path):
    make_shelf(tmp_path).collection.close()
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder("colours"))
    monkeypatch.setattr(operations, "choose_model", lambda: ("colours", "for a test"))
    monkeypatch.setattr(zoo, "model_available", lambda name: name == "starter")
    monkeypatch.setattr(doctor, "model_available", lambda name: True)
    monkeypatch.setenv(COLLECTION, str(tmp_path / "shelf"))
    monkeypatch.setenv(ALLOW, str(tmp_path))
    create._models.clear()
    opened = []

    def open_collection(settings):
        opened.append(Collection.open(settings.collection))
        return opened[-1]

    monkeypatch.setattr(operations, "open_collection", open_collection)
    yield tmp_path / "shelf"
    st.cache_resource.clear()
    for each in opened:
        each.close()


def page(**parameters):
    def script():
        from ui.page.collection import collection

        collection.draw()

    app = AppTest.from_function(script, default_timeout=60)
    app.query_params.update(parameters)
    return run(app)


def run(app):
    app.run()
    assert not app.exception, app.exception
    return app


def told(app):
    kinds = (app.markdown, app.caption, app.info, app.error, app.success, app.warning, app.get("html"))
    return " ".join(each.value for kind in kinds for each in kind)


def press(app, key):
    app.button(key=key).click()
    return run(app)


def settled(app, seconds=60):
    """Run until no work goes on any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(job.is_active for job in state.upkeep()[0].jobs.newest()):
            return run(app)
        time.sleep(0.1)
    raise AssertionError("still at it")


def items(folder):
    collection = Collection.open(folder)
    count = len(collection)
    collection.close()
    return count


def test_it_shows_what_the_collection_holds():
    app = page()
    assert {each.label: each.value for each in app.metric}["Items"] == "96"
    assert "96 added" in told(app)


def test_a_folder_is_added_by_its_path_and_failures_are_listed_and_tried_again(shelf, tmp_path):
    [first, *_] = write_pictures(tmp_path / "more", 3)
    good = first.read_bytes()
    first.write_bytes(b"words")
    app = page(part="add")
    app.text_area(key="paths to add").set_value(str(tmp_path / "more"))
    app = settled(press(app, "add-paths"))
    assert app.query_params.get("part") is None
    assert "2 added" in told(app)
    [table] = [each for each in app.dataframe if "Reason" in each.value.columns]
    assert list(table.value["File"]) == [str(first)]
    assert "not a picture" in table.value["Reason"][0]
    first.write_bytes(good)
    app = settled(press(app, "retry"))
    assert "1 added" in told(app)
    assert items(shelf) == 99


def test_a_path_that_is_not_allowed_is_refused(shelf, tmp_path, monkeypatch):
    app = page(part="add")
    app.text_area(key="paths to add").set_value("/etc")
    assert "not below a folder" in told(press(app, "add-paths"))
    monkeypatch.setenv(ALLOW, "")
    app = page(part="add")
    assert "so it takes no paths" in told(app), "nobody said that only this machine can reach the page"
    assert not app.text_area


def test_pictures_are_handed_in(shelf):
    app = page(part="add")
    app.file_uploader[0].upload("mine.png", encoded("yellow", seed=500))
    app = settled(run(app))
    assert items(shelf) == 97
    assert list((shelf / "uploads").rglob("mine.png"))


def test_a_collection_is_made_chosen_and_left_again(shelf, tmp_path):
    app = page(part="new")
    app.text_input(key="new name").set_value("photos")
    app = press(app, "create")
    for _ in range(100):
        if (tmp_path / "photos" / "findmake.sqlite").exists():
            break
        time.sleep(0.1)
    time.sleep(0.5)
    run(app)
    assert {each.label: each.value for each in app.metric}["Items"] == "0"
    assert page(collection="photos").metric[0].value == "0"
    app.selectbox(key="place chosen").set_value("shelf")
    run(app)
    assert {each.label: each.value for each in app.metric}["Items"] == "96"


def test_a_name_that_is_taken_is_told(shelf):
    app = page(part="new")
    app.text_input(key="new name").set_value("shelf")
    assert "there is a collection of this name" in told(press(app, "create"))


def test_a_collection_that_is_not_there_is_told(shelf):
    assert "No collection" in told(page(collection="../etc"))


def test_the_zoo_says_what_was_measured_and_what_was_not(shelf):
    app = page(part="new")
    text = told(app)
    assert "not measured here" in text
    card = CARD.read_text(encoding="utf-8")
    measured = model_list.MEASURED
    assert f"| {measured['flickr8k_r1']} / {measured['flickr8k_r10']} |" in card
    [zoo] = app.dataframe
    assert zoo.value["Model"][0] == "starter", "what works here comes first"
    assert zoo.value["COCO R@1, %"].isna().any()


def test_calibrating_and_measuring_draw_their_outcome(shelf):
    app = settled(press(page(part="quality"), "measure"))
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 3
    assert "each asked for their own picture among 96" in told(app)
    app = settled(press(app, "calibrate"))
    assert "Calibrated on this collection" in told(app)


def test_the_doctor_finds_and_repairs(shelf):
    [file] = shelf.glob("image-*.faiss")
    file.write_bytes(b"damaged")
    app = settled(press(page(part="doctor"), "examine"))
    assert "is not usable" in told(app)
    app = settled(press(app, "repair"))
    assert "The collection is in order" in told(app)
    assert "made anew from the database" in told(app)


def test_what_waits_is_shown_again_after_a_reload_and_can_be_cancelled(shelf, tmp_path):
    import threading

    go = threading.Event()
    jobs = state.upkeep()[0].jobs
    jobs.start(lambda reporter: go.wait(20) and {}, kind="test", title="first", key="first")
    state.upkeep()[0].index([write_pictures(tmp_path / "more", 3)[0].parent])
    app = page()
    assert "Indexing more" in told(app)
    [stop] = [each for each in app.button if each.key.startswith("stop-")]
    app = press(page(), stop.key)
    go.set()
    app = settled(app)
    assert "Indexing was stopped" in told(app)
    assert items(shelf) == 96


def test_a_run_that_was_cut_short_goes_on(shelf, tmp_path):
    write_pictures(tmp_path / "more", 3)

    def cut_short(reporter):
        reporter.keep_result({"paths": [str(tmp_path / "more")]})
        raise Stopped

    state.upkeep()[0].jobs.start(cut_short, kind="index", title="more", key="index more")
    app = settled(page())
    assert "Indexing was stopped" in told(app)
    settled(press(app, "go-on"))
    assert items(shelf) == 99
