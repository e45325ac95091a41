"""The pages Gaps and Library, in Streamlit's own test harness."""

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

import generation
from generation import GeneratorUnavailable, find_gaps
from indexer import Collection, Miss, Unanswered, index_sources, open_source, promote
from tests.colour_encoder import ColourEncoder
from tests.colour_generator import ColourGenerator
from tests.gap_shelf import make_shelf
from tests.made_pictures import make
from ui.formats.reports import gap_to_json, gaps_to_csv
from ui.jobs import fill
from ui.page import state
from ui.page.gaps import trend
from ui.services import answer, operations
from ui.settings import COLLECTION


@pytest.fixture(autouse=True)
def shelf(monkeypatch, tmp_path):
    made = make_shelf(tmp_path).collection
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    monkeypatch.setattr(generation, "load_generator", lambda name, **_: ColourGenerator(), raising=False)
    monkeypatch.setattr(answer, "_SEEDS", 1)
    monkeypatch.setenv(COLLECTION, str(tmp_path / "shelf"))
    opened = []

    def open_collection(settings):
        opened.append(Collection.open(settings.collection))
        return opened[-1]

    monkeypatch.setattr(operations, "open_collection", open_collection)
    yield made
    st.cache_resource.clear()
    for each in [*opened, made]:
        each.close()


def log(shelf, text, *, times=1, days=0, where=""):
    row = ColourEncoder().encode_texts([text])[0]
    miss = Unanswered(text=text, kind="text", verdict="no match", coverage=0.1, embedding=row, where=where)
    for _ in range(times):
        assert shelf.log_miss(miss, datetime.now(UTC) - timedelta(days=days))


def gaps_page():
    def script():
        from ui.page.gaps import gaps

        gaps.draw()

    return run(AppTest.from_function(script, default_timeout=60))


def library_page(**parameters):
    def script():
        from ui.page.library import library

        library.draw()

    app = AppTest.from_function(script, default_timeout=60)
    app.query_params.update(parameters)
    return run(app)


def run(app):
    app.run()
    assert not app.exception, app.exception
    return app


def html(app):
    return " ".join(each.value for each in app.get("html"))


def metrics(app):
    return {each.label: each.value for each in app.metric}


def ended(seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = state.maker().jobs.latest(fill.GAPS_KEY)
        if job is not None and not job.is_active:
            return job
        time.sleep(0.05)
    raise AssertionError(f"still {job}")


def test_nothing_lacking_says_so(shelf):
    assert "Nothing is lacking" in gaps_page().info[0].value


def test_a_strip_of_a_picture_and_a_query_as_long_as_a_book_keep_their_row(shelf, tmp_path):
    for size in ((4000, 1), (1, 4000)):
        Image.new("RGB", size, (120, 20, 120)).save(tmp_path / f"strip-{size[0]}.png")
    index_sources(shelf, ColourEncoder(), [open_source(tmp_path / f"strip-{n}.png") for n in (4000, 1)])
    strips = {known.id for known in shelf.store.walk() if "strip" in known.key}
    log(shelf, "red blue " * 4_000, times=2)
    log(shelf, "red thing")
    assert strips <= set(find_gaps(shelf)[0].nearest[:3])
    app = gaps_page()
    [long, short] = [box.label for box in app.checkbox]
    assert long.startswith("red blue red")
    assert long.endswith("…")
    assert len(long) < 200
    assert short == "red thing"


def test_gaps_are_listed_by_demand_with_how_often_and_when(shelf):
    log(shelf, "yellow", times=3, days=2)
    log(shelf, "red thing", days=40)
    app = gaps_page()
    assert [box.label for box in app.checkbox] == ["yellow", "red thing"]
    assert "Asked 3 times, last on" in html(app)
    assert "Asked once, on" in html(app)
    assert metrics(app) == {"Gaps": "2", "Open": "2", "Filled": "0", "Asked in vain": "4"}
    assert app.button(key="fill-selected").disabled


def test_spellings_and_filters_are_told(shelf):
    log(shelf, "yellow", times=2)
    log(shelf, "YELLOW", times=1)
    log(shelf, "yellow", where="price<80")
    app = gaps_page()
    assert len(app.checkbox) == 2, "one of the two spellings, and the one with a filter"
    assert "Also: YELLOW" in html(app)
    assert "where price&lt;80" in html(app)


def test_names_that_look_like_markdown_or_html_are_shown_as_they_are(shelf):
    log(shelf, "<b>[link](http://x)</b>")
    assert app_label(gaps_page()) == "\\<b\\>\\[link\\]\\(http\\://x\\)\\</b\\>"


def app_label(app):
    return app.checkbox[0].label


def test_selected_gaps_are_filled_and_marked_as_filled(shelf):
    log(shelf, "yellow", times=3)
    log(shelf, "orange", times=1)
    app = gaps_page()
    app.checkbox[0].set_value(True)
    run(app)
    app.button(key="fill-selected").click()
    run(app)
    job = ended()
    assert job.state == "done", job.error
    assert [each["name"] for each in job.result["gaps"]] == ["yellow"]
    app = run(app)
    assert "Last run: 1 of 1 gaps filled" in html(app)
    assert metrics(app)["Filled"] == "1"
    assert "Made for it" in html(app)
    assert len(shelf.store.apart()) == 1
    app.checkbox[0].set_value(True)
    assert run(app).button(key="fill-selected").disabled, "it is filled already"


def test_a_run_that_fails_says_why(shelf, monkeypatch):
    def missing(name, **options):
        raise GeneratorUnavailable(name, "its weights are not here")

    monkeypatch.setattr(generation, "load_generator", missing, raising=False)
    log(shelf, "yellow")
    app = gaps_page()
    app.checkbox[0].set_value(True)
    run(app)
    app.button(key="fill-selected").click()
    run(app)
    assert ended().state == "failed"
    assert "its weights are not here" in run(app).error[0].value


def test_only_what_is_selected_is_forgotten(shelf):
    log(shelf, "yellow", times=3)
    log(shelf, "orange")
    app = gaps_page()
    app.checkbox[1].set_value(True)
    run(app)
    app.button(key="forget").click()
    app = run(app)
    assert [box.label for box in app.checkbox] == ["yellow"]
    assert [miss.text for miss in shelf.store.misses()] == ["yellow"]


def test_gaps_can_be_narrowed_to_those_that_are_open(shelf):
    log(shelf, "yellow", times=2)
    log(shelf, "orange")
    make(shelf, ColourEncoder(), for_query="yellow")
    app = gaps_page()
    app.get("button_group")[0].set_value("Open")
    assert [box.label for box in run(app).checkbox] == ["orange"]


def test_exports_hold_all_gaps_and_no_formulas(shelf):
    log(shelf, "=1+1", times=2)
    log(shelf, "orange")
    found = find_gaps(shelf)
    rows = list(csv.DictReader(io.StringIO(gaps_to_csv(found))))
    assert [row["name"] for row in rows] == ["'=1+1", "orange"]
    assert json.loads(json.dumps([gap_to_json(gap) for gap in found]))[0]["times"] == 2


def entry(first, last, times=2):
    row = ColourEncoder().encode_texts(["x"])[0]
    return Miss(
        id=1, text="x", kind="text", verdict="weak", coverage=0.3, embedding=row,
        times=times, first_at=first, last_at=last,
    )  # fmt: skip


def test_each_query_stands_in_the_chart_once_or_twice():
    day = datetime(2026, 3, 4, tzinfo=UTC)
    unit, starts, new, again = trend.counted(
        [entry(day, day, times=1), entry(day, day), entry(day, day + timedelta(days=3))]
    )
    assert (unit, len(starts)) == ("day", 4), "without a hole"
    assert (new, again) == ([3, 0, 0, 0], [0, 0, 0, 1])
    unit, starts, new, again = trend.counted([entry(day, day + timedelta(days=100))])
    assert unit == "week"
    assert all(start.weekday() == 0 for start in starts)
    assert (new[0], sum(new), again[-1], sum(again)) == (1, 1, 1, 1)
    assert trend.counted([])[1] == []
    unit, starts, _, _ = trend.counted([entry(day - timedelta(days=9_000), day)])
    assert len(starts) <= 105


def titles(app):
    import re

    return re.findall(r'class="fm-title">([^<]*)', html(app))


def test_the_library_shows_the_newest_first_in_pages(shelf):
    app = library_page()
    assert "1-24 of 96 items" in html(app)
    assert titles(app)[0] == "095"
    app.button(key="next").click()
    app = run(app)
    assert app.query_params["page"] in ("2", ["2"])
    assert titles(app)[0] == "071"


def test_the_library_tells_what_was_made_from_what_was_imported(shelf):
    encoder = ColourEncoder()
    first, second = make(shelf, encoder, seed=1), make(shelf, encoder, seed=2)
    promote(shelf, [first.id])
    assert html(library_page()).count("made by findmake") == 1
    assert html(library_page(origin="generated")).count("made by findmake") == 2
    apart = library_page(origin="apart")
    assert "1-1 of 1 items" in html(apart)
    assert f"open-{second.id}" in [button.key for button in apart.button]
    assert "made by findmake" not in html(library_page(origin="imported"))
    assert "1-24 of 97 items" in html(library_page(origin="nonsense"))


def test_the_library_by_tag(shelf):
    from indexer import Tagging

    shelf.store.add_tags([Tagging(item_id=3, tag="sale"), Tagging(item_id=5, tag="sale")])
    app = library_page(tag="sale")
    assert titles(app) == ["004", "002"]
    assert "Nothing here is of this kind" in library_page(tag="sale", origin="apart").info[0].value
    assert "Nothing here is of this kind" in library_page(tag="unknown").info[0].value
