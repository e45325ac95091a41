"""Making what is lacking on the page, in Streamlit's own test harness, with the tiny real generator."""

import re
import time
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import generation
from generation import GeneratorUnavailable
from indexer import Collection, promote
from search import parse_query
from tests.colour_encoder import ColourEncoder
from tests.colour_generator import ColourGenerator
from tests.gap_shelf import make_shelf
from ui.jobs import fill
from ui.page import state
from ui.services import answer, operations
from ui.settings import COLLECTION, GENERATOR

APP = Path(__file__).parents[1] / "ui" / "app.py"
SEED = 0  # of four pictures from here, those with seed 0, 1 and 3 show what was asked for, 2 does not


class Slow(ColourGenerator):
    """Waits at each step, so that there is time to look at it and to stop it."""

    def generate(self, request, *, on_step=None):
        def slow(step):
            time.sleep(0.05)
            return on_step(step)

        return super().generate(request, on_step=slow)


@pytest.fixture(autouse=True)
def shelf(monkeypatch, tmp_path):
    """A catalogue without yellow, and nothing kept from the test before."""
    made = make_shelf(tmp_path)
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    monkeypatch.setenv(COLLECTION, str(tmp_path / "shelf"))
    monkeypatch.setattr(answer, "_SEEDS", SEED + 1)
    # pictures of one colour are near-duplicates to this encoder; here each is kept and has its own card
    monkeypatch.setattr("generation.fill.fill.near_duplicate_threshold", lambda spec: 2.0)
    monkeypatch.setattr("search.ranking.answer.near_duplicate_threshold", lambda spec: 2.0)
    use(monkeypatch, ColourGenerator())
    opened = []

    def open_collection(settings):
        opened.append(Collection.open(settings.collection))
        return opened[-1]

    monkeypatch.setattr(operations, "open_collection", open_collection)
    yield made.collection
    st.cache_resource.clear()  # closes the jobs
    for each in [*opened, made.collection]:
        each.close()


def use(monkeypatch, generator):
    monkeypatch.setattr(generation, "load_generator", lambda name, **options: generator, raising=False)


def page(**parameters):
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update(parameters)
    return run(app)


def run(app):
    app.run()
    assert not app.exception, app.exception
    return app


def press(app, label):
    [button] = [each for each in app.button if each.label == label]
    button.click()
    return run(app)


def labels(app):
    return [button.label for button in app.button]


def html(app):
    return " ".join(each.value for each in app.get("html"))


def ended(query="yellow", seconds=60):
    """Wait until the job of a query has ended; the job."""
    end = time.monotonic() + seconds
    key = fill.fill_key(parse_query([query]))
    while time.monotonic() < end:
        job = state.maker().jobs.latest(key)
        if job is not None and not job.is_active:
            return job
        time.sleep(0.05)
    raise AssertionError(f"still {job}")


def made(app):
    """Make yellow, and show what came of it."""
    press(app, "Make it")
    job = ended()
    assert job.state == "done", job.error
    return run(app)


def test_a_match_offers_nothing_to_make(shelf):
    app = page(q="red")
    assert "Make it" not in labels(app)


def test_no_match_offers_to_make_it_with_a_prompt_that_can_be_read(shelf):
    app = page(q="yellow")
    assert "Make it" in labels(app)
    assert "yellow" in app.text_area[0].value
    assert app.slider[0].value == 0.0
    assert "Further misses" in html(app)
    assert not shelf.store.apart(), "nothing is made unasked"


def test_what_is_made_shows_its_verdicts_reasons_and_provenance(shelf):
    app = page(q="yellow")
    app.slider[0].set_value(0.5)
    app = made(app)
    assert shelf.store.apart() == [99, 98, 97]
    shown = html(app)
    assert shown.count("made by findmake") >= 4, "every picture bears its mark, also what was not kept"
    assert "Kept apart, item 97" in shown
    assert "does not answer the query" in shown.lower()
    assert "<dt>seed</dt><dd>0</dd>" in shown
    assert "<dt>made for</dt><dd>yellow</dd>" in shown
    assert "It took its look from:" in shown
    assert len([label for label in labels(app) if label == "Promote"]) == 3


def test_another_browser_sees_the_same_work(shelf):
    made(page(q="yellow"))
    other = page(q="  Yellow ")
    assert "Kept apart, item 97" in html(other)


def test_promote_and_discard(shelf):
    app = made(page(q="yellow"))
    app.button(key="promote-made-97").click()
    run(app)
    assert "In the catalogue, item 97" in html(app)
    app.button(key="discard-made-98").click()
    run(app)
    assert "Discarded" in html(app)
    assert shelf.store.apart() == [99]
    assert shelf.item(97).origin == "generated"


def test_a_prompt_that_was_changed_is_what_the_generator_is_told(shelf):
    app = page(q="yellow")
    app.text_area[0].set_value("a yellow square by nobody")
    app.slider[1].set_value(1)
    made(app)
    assert shelf.item(97).provenance.prompt == "a yellow square by nobody"
    assert shelf.store.apart() == [97]


def test_a_prompt_that_is_not_made_is_refused_in_words(shelf):
    app = page(q="yellow")
    app.text_area[0].set_value("nude yellow")
    press(app, "Make it")
    assert ended().state == "failed"
    assert "Blocked the prompt" in run(app).error[0].value
    assert "Try again" in labels(app)


def test_while_it_is_made_there_is_progress_and_it_can_be_stopped(shelf, monkeypatch):
    use(monkeypatch, Slow())
    app = press(page(q="yellow"), "Make it")
    assert "Cancel" in labels(app)
    assert "Make it" not in labels(app)
    press(app, "Cancel")
    assert ended().state == "cancelled"
    run(app)
    assert "Cancelled" in app.info[0].value
    assert not shelf.store.apart()
    press(app, "Try again")
    use(monkeypatch, ColourGenerator())
    assert "Make it" in labels(app)


def test_pressing_twice_makes_it_once(shelf, monkeypatch):
    use(monkeypatch, Slow())
    first, second = page(q="yellow"), page(q="yellow")
    press(first, "Make it")
    press(second, "Make it")
    ended()
    assert len(state.maker().jobs.newest()) == 1


def test_what_was_made_before_is_shown_and_more_can_be_made(shelf):
    app = made(page(q="yellow"))
    press(app, "Make more")
    app.slider[1].set_value(1)
    press(app, "Make it")
    assert ended().result["outcome"] == "filled"
    assert len(shelf.store.apart()) == 4


def test_a_generator_that_is_not_here_is_told_in_a_sentence(shelf, monkeypatch):
    def missing(name, **options):
        raise GeneratorUnavailable(name, "its weights are not here")

    monkeypatch.setattr(generation, "load_generator", missing, raising=False)
    app = press(page(q="yellow"), "Make it")
    assert ended().state == "failed"
    assert "its weights are not here" in run(app).error[0].value


def test_the_generator_of_the_settings_comes_first(shelf, monkeypatch):
    monkeypatch.setenv(GENERATOR, "/models/mine")
    asked = []
    monkeypatch.setattr(
        generation, "load_generator", lambda name, **options: asked.append(name) or ColourGenerator()
    )
    app = page(q="yellow")
    assert app.selectbox[0].options == ["/models/mine", "starter"]
    made(app)
    assert asked == ["/models/mine"]


def test_generated_items_are_marked_and_shown_only_on_request(shelf):
    made(page(q="yellow"))
    promote(shelf, [97])
    browsing = page()
    assert not browsing.toggle[0].value
    assert "Show generated (2 apart)" in browsing.toggle[0].label
    assert "98" not in re.findall(r"item=(\d+)", html(browsing))
    assert html(browsing).count("made by findmake") == 1, "the promoted one is marked"
    browsing.toggle[0].set_value(True)
    run(browsing)
    assert html(browsing).count("made by findmake") == 3
    assert browsing.query_params["generated"] in ("1", ["1"])
    found = page(q="yellow", generated="1")
    assert html(found).count("made by findmake") >= 3


def test_the_details_of_a_generated_item_tell_how_it_was_made(shelf):
    made(page(q="yellow"))
    app = page(item="97")
    shown = html(app)
    assert "Synthetic: a model made this picture" in shown
    assert "<dt>model</dt><dd>colours 1</dd>" in shown
    assert "fill_condition" not in shown
    app.button(key="promote-open-item").click()
    run(app)
    assert 97 not in shelf.store.apart()


def test_tags_are_added_and_removed(shelf):
    app = page(item="1")
    app.multiselect[0].set_value(["Sale  now", "new"])
    run(app)
    assert shelf.item(1).tags == ("new", "sale now")
    app = page(item="1")
    app.multiselect[0].set_value(["new"])
    run(app)
    assert shelf.item(1).tags == ("new",)


def test_equal_queries_have_equal_keys():
    keys = {fill.fill_key(parse_query([text])) for text in ("yellow", "yellow ", "YELLOW")}
    assert len(keys) == 1
    others = {fill.fill_key(parse_query([text])) for text in ("yellow - red", "2:yellow + red", "red")}
    assert len(others | keys) == 4
