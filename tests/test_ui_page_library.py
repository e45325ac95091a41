"""The library in Streamlit's own test harness: its order, timeline, tags, duplicates and map."""

import time

import pytest
import streamlit as st

from indexer import Collection, Span, Tagging
from search import parse_filter
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures
from tests.made_pictures import make
from tests.test_ui_page_gaps import html, library_page, run, titles
from ui.jobs import survey
from ui.page import state
from ui.page.library.timeline import clicked, told
from ui.page.model.listing import chosen, order_of, sort_of, span_of
from ui.page.model.map_colours import coloured
from ui.services import operations
from ui.settings import COLLECTION

TABLE = "id,title,price,taken\n" + "".join(
    f"{n},Lamp {n},{n * 7 % 30},202{n % 4}-0{n % 9 + 1}-05\n" for n in range(20)
)


@pytest.fixture(autouse=True)
def album(monkeypatch, tmp_path, collection, index):
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    monkeypatch.setenv(COLLECTION, str(collection.folder))
    write_pictures(tmp_path / "photos", 6)
    (tmp_path / "photos" / "copy.png").write_bytes(encoded("black", seed=0))
    (tmp_path / "lamps.csv").write_text(TABLE)
    index(tmp_path / "photos", tmp_path / "lamps.csv")
    opened = []

    def open_collection(settings):
        opened.append(Collection.open(settings.collection))
        return opened[-1]

    monkeypatch.setattr(operations, "open_collection", open_collection)
    yield collection
    st.cache_resource.clear()
    for each in opened:
        each.close()


def ended(key, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = state.maker().jobs.latest(key)
        if job is not None and not job.is_active:
            return job
        time.sleep(0.05)
    raise AssertionError(f"still {job}")


def press(app, key):
    app.button(key=key).click()
    return run(app)


def test_a_price_orders_the_items_and_stands_in_the_url(album):
    app = library_page(sort="-price", where="price>=0")
    prices = [
        album.item(int(i)).attributes["price"]
        for i in chosen(album, state.View(sort="-price", where="price>=0"))
    ]
    assert prices == sorted(prices, reverse=True)
    assert titles(app)[0].startswith("Lamp")
    app.selectbox(key="sort").set_value("title")
    app = run(app)
    assert app.query_params["sort"] in ("title", ["title"])
    assert titles(app)[:2] == ["Lamp 0", "Lamp 1"]


NONSENSE = [("sort", "nonsense"), ("sort", "-"), ("during", "x"), ("during", "2024-99"), ("when", "id")]


@pytest.mark.parametrize("parameter", [*NONSENSE, ("show", "nonsense"), ("page", "99"), ("colour", "x")])
def test_a_url_that_makes_no_sense_still_shows_the_library(parameter):
    assert not library_page(**{"show": "timeline", parameter[0]: parameter[1]}).error


def test_a_wrong_filter_is_told_in_place_of_the_items():
    app = library_page(where="price<")
    assert app.error
    assert not titles(app)


def test_all_that_a_filter_leaves_is_tagged_at_once_and_freed_again(album):
    app = library_page(where="price<10")
    count = len(album.select(parse_filter("price<10")))
    app.text_input(key="tag for all shown").set_value("Cheap")
    app = press(app, "add-all")
    assert {each.tag: each.items for each in album.store.tags()} == {"cheap": count}
    app.text_input(key="tag for all shown").set_value("cheap")
    press(app, "drop-all")
    assert album.store.tags() == []


def test_a_tag_that_cannot_be_is_told(album):
    app = press(library_page(), "add-all")
    assert "blank" in app.error[0].value


def test_the_timeline_narrows_to_a_year_and_goes_back(album):
    app = library_page(show="timeline", when="taken", during="2021")
    assert "1-5 of 5 items" in html(app)
    app = press(app, "time-")
    assert "during" not in app.query_params
    app = library_page(show="timeline", when="taken")
    assert any("7 items have no date" in each.value for each in app.caption)
    undated = library_page(show="timeline")
    assert "27 items" in html(undated)
    assert not undated.caption, "what has no date of its own counts by its arrival"
    app.selectbox(key="bar").set_value("2020-01")
    assert run(app).query_params["during"] in ("2020-01", ["2020-01"])


def test_a_click_on_the_chart_means_a_time():
    assert clicked({"bar": [{"from": "2024-01"}]}) == "2024-01"
    assert clicked({"bar": []}) == ""
    assert clicked({}) == ""
    assert clicked({"bar": [{"from": "<b>"}]}) == ""
    assert (told("2024"), told("2024-03"), told("2024-03-05")) == ("2024", "Mar 2024", "5 Mar 2024")
    assert span_of("2024..2025-02") == Span(first="2024", last="2025-02")


def test_tags_are_renamed_joined_and_deleted(album):
    album.store.add_tags([Tagging(item_id=i, tag=tag) for i, tag in ((1, "a"), (2, "a"), (3, "b"))])
    app = library_page(show="tags")
    assert "2 tags" in html(app)
    app.text_input(key="new-a").set_value("B")
    app = press(run(app), "do-a")
    assert {each.tag: each.items for each in album.store.tags()} == {"b": 3}
    app.text_input(key="new-b").set_value(" ")
    app = press(app, "do-b")
    assert "blank" in app.error[0].value
    press(app, "yes-b")
    assert album.store.tags() == []
    assert "no tags yet" in run(app).info[0].value


def test_a_tag_leads_to_its_items(album):
    album.store.add_tags([Tagging(item_id=2, tag="a")])
    app = press(library_page(show="tags"), "show-a")
    assert "1-1 of 1 items" in html(app)
    assert "1-24 of 27 items" in html(press(app, "drop-tag"))


def test_duplicates_are_found_by_a_job_kept_by_choice_and_removed(album):
    app = library_page(show="duplicates")
    survey.start_duplicates(state.maker().jobs, state.collection(), threshold=2.0)
    assert ended(survey.DUPLICATES_KEY).state == "done"
    app = run(app)
    [group] = survey.found_duplicates(album, state.maker().jobs.latest("duplicates")).groups
    first, second = (one[0] for one in group)
    assert "1 group, 1 item to spare" in html(app)
    album.store.add_tags([Tagging(item_id=first, tag="mine")])
    app = press(app, f"choose-{second}")
    app = press(app, f"yes-{first}")
    assert len(album) == 26
    assert album.item(second).tags == ("mine",), "the one that is kept takes over what people said"
    assert "No duplicates" in run(app).success[0].value


def test_exact_copies_go_all_at_once_and_the_others_are_tagged(album):
    app = library_page(show="duplicates")
    survey.start_duplicates(state.maker().jobs, state.collection(), threshold=2.0)
    ended(survey.DUPLICATES_KEY)
    app = run(app)
    [group] = survey.found_duplicates(album, state.maker().jobs.latest("duplicates")).groups
    app = press(app, f"tag-{group[0][0]}")
    assert album.item(group[1][0]).tags == ("duplicate",)
    press(app, "yes-exact")
    assert len(album) == 26
    assert album.item(group[0][0]).tags == ("duplicate",)


def test_the_map_is_made_once_and_drawn_with_its_colours(album, encoder):
    app = press(library_page(show="map"), "draw-map")
    job = ended(survey.MAP_KEY)
    assert (job.state, job.result["items"]) == ("done", 27)
    app = run(app)
    assert "27 items" in html(app)
    assert "fm-sheet-0" in html(app)
    make(album, encoder)
    app = library_page(show="map", generated="1", colour="price")
    assert "1 item came later" in html(app)
    assert "1 made by a model" in html(app)
    assert "fm-swatch" in html(app)


def test_colours_tell_values_numbers_and_their_lack(album):
    ids = chosen(album, state.View())
    colours, legend = coloured(album, ids, "modality")
    assert colours.shape == (27, 3)
    assert sum(entry.count for entry in legend) == 27
    colours, legend = coloured(album, ids, "price")
    assert [entry.sort for entry in legend] == ["scale"] * 5 + ["none"]
    assert coloured(album, ids, "")[1] == ()
    album.store.add_tags([Tagging(item_id=1, tag="a")])
    assert [(e.label, e.count) for e in coloured(album, ids, "tags")[1]] == [("a", 1), ("none", 26)]


def test_orders_are_written_as_they_are_read():
    for sort in ("", "added", "-price", "title"):
        assert sort_of(order_of(sort)) == sort
