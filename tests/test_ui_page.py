"""The page's logic, run by Streamlit's own test harness over a collection of coloured pictures."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from indexer import Collection
from tests.colour_pictures import encoded, write_pictures
from ui.page import state
from ui.services import operations
from ui.settings import COLLECTION

APP = Path(__file__).parents[1] / "ui" / "app.py"


@pytest.fixture(autouse=True)
def fresh(monkeypatch, encoder, collection):
    """Each test has its own collection, the tiny encoder, and nothing kept from the test before."""
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: encoder)
    monkeypatch.setenv(COLLECTION, str(collection.folder))
    opened = []

    def open_collection(settings):
        opened.append(Collection.open(settings.collection))
        return opened[-1]

    monkeypatch.setattr(operations, "open_collection", open_collection)
    yield
    for each in opened:
        each.close()
    st.cache_resource.clear()


@pytest.fixture
def pictures(tmp_path, index, monkeypatch):
    # Pictures of one colour are near-duplicates to this encoder; here each has its own card.
    monkeypatch.setattr("search.ranking.answer.near_duplicate_threshold", lambda spec: 2.0)
    paths = write_pictures(tmp_path / "pictures", 30)
    index(tmp_path / "pictures")
    return paths


def page(**parameters):
    app = AppTest.from_file(str(APP), default_timeout=20)
    app.query_params.update(parameters)
    return run(app)


def run(app):
    app.run()
    assert not app.exception, app.exception
    return app


def titles(app):
    """The titles of the cards, in order."""
    return re.findall(r'class="fm-title">([^<]*)', " ".join(each.value for each in app.get("html")))


def parameters(app):
    return {
        name: values[0] if isinstance(values, list) else values for name, values in app.query_params.items()
    }


def ask(app, words):
    app.text_input(key="words").set_value(words)
    return run(app)


def upload(app, data, name="mine.png"):
    app.file_uploader[0].upload(name, data)
    return run(app)


def test_without_a_query_the_newest_items_are_shown_first(pictures):
    app = page()
    assert titles(app)[0].startswith("029")
    assert len(titles(app)) == state.PAGE_SIZE


def test_words_find_pictures_and_stand_in_the_url(pictures):
    app = ask(page(), "yellow")
    assert "yellow" in titles(app)[0]
    assert parameters(app) == {"q": "yellow"}


def test_a_link_shows_the_same_view(pictures):
    asked = ask(page(), "red - blue")
    assert titles(page(**parameters(asked))) == titles(asked)
    assert page(q="red - blue").text_input(key="words").value == "red - blue"


def test_paging_keeps_its_place_and_a_new_query_starts_over(pictures):
    app = ask(page(), "green")
    first = titles(app)
    app.button(key="next").click()
    run(app)
    second = titles(app)
    assert parameters(app) == {"q": "green", "page": "2"}
    assert len(second) == 30 - state.PAGE_SIZE
    assert not set(first) & set(second)
    assert app.button(key="next").disabled
    assert parameters(ask(app, "red")) == {"q": "red"}


def test_more_like_this_leaves_the_item_itself_out_and_can_be_cleared(pictures):
    app = ask(page(), "blue")
    best = titles(app)[0]
    [wanted] = [each for each in state.collection().store.page(0, 30) if each.title == best]
    app.button(key=f"like-{wanted.id}").click()
    run(app)
    assert parameters(app) == {"like": str(wanted.id)}
    assert best not in titles(app)
    assert "blue" in titles(app)[0]
    app.button(key="remove-like").click()
    assert parameters(run(app)) == {}


def test_an_uploaded_picture_finds_its_twin_alone_and_with_words(pictures):
    app = upload(page(), pictures[4].read_bytes())
    assert titles(app)[0].startswith("004")
    app = ask(app, "blue - yellow")
    assert set(parameters(app)) == {"q", "picture"}
    again = page(**parameters(app))
    assert titles(again) == titles(app)


def test_an_upload_that_is_no_picture_is_told_in_words(pictures):
    app = upload(page(), b"just some words", "notes.txt")
    assert "it is not a picture" in app.error[0].value
    assert not parameters(app)
    assert not run(app).error, "told once"


def test_a_damaged_upload_is_told_in_words(pictures):
    app = upload(page(), encoded("red")[:-60], "broken.png")
    assert "broken" in app.error[0].value


def test_a_picture_that_is_no_longer_here_is_asked_for_again(pictures):
    assert "no longer here" in page(picture="0" * 32).warning[0].value


def test_the_shelf_drops_the_picture_that_was_not_used_longest():
    shelf = state.Shelf(capacity=10)
    first, second = shelf.put("a", b"12345"), shelf.put("b", b"54321")
    assert shelf.get(first) == ("a", b"12345")
    third = shelf.put("c", b"xxxxx")
    assert shelf.get(second) is None
    assert shelf.get(first)
    assert shelf.get(third)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("red - red", "cancel each other out"),
        ("red +", "nothing follows it"),
    ],
)
def test_a_query_that_cannot_be_answered_is_told_in_words(pictures, words, message):
    assert message in page(q=words).error[0].value


def test_words_never_open_a_file_of_this_machine(pictures, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"not a picture")
    assert not page(q=str(secret)).error


def test_an_item_that_is_gone_is_told_in_words(pictures):
    assert "No item" in page(like="999").error[0].value
    assert "No item" in page(item="999").error[0].value


@pytest.mark.parametrize("page_number", ["0", "-1", "x", "9" * 40])
def test_a_page_number_that_makes_no_sense_shows_the_first_page(pictures, page_number):
    assert len(titles(page(page=page_number))) == state.PAGE_SIZE


def test_a_page_after_the_last_says_so(pictures):
    assert "no more hits" in page(q="red", page="9").info[0].value


def test_the_details_show_what_is_known_and_where_it_came_from(pictures):
    app = page(item="1")
    told = " ".join(each.value for each in app.get("html"))
    assert str(pictures[0]) in told
    assert "48 x 40 pixels" in told
    assert "indexed at" in told
    assert app.get("download_button")


def test_the_details_make_do_with_the_thumbnail_when_the_file_is_gone(pictures):
    pictures[0].unlink()
    app = page(item="1")
    assert any("Only the small copy" in each.value for each in app.caption)
    assert not app.get("download_button")


def test_titles_are_shown_as_they_are(tmp_path, index):
    (tmp_path / "t.csv").write_text("id,title,text\n1,<b>x</b> & [link](http://x),words\n", encoding="utf-8")
    index(tmp_path / "t.csv")
    assert titles(page()) == ["&lt;b&gt;x&lt;/b&gt; &amp; [link](http://x)"]


def test_an_empty_collection_says_how_to_fill_it(collection):
    app = page()
    assert "empty" in app.subheader[0].value
    assert "findmake index" in app.code[0].value


def test_a_missing_collection_says_how_to_make_one(monkeypatch, tmp_path):
    monkeypatch.setenv(COLLECTION, str(tmp_path / "nowhere"))
    app = page()
    assert "findmake index" in app.code[0].value
    assert str(tmp_path / "nowhere") in app.code[0].value


def test_the_collection_page_tells_facts_and_failures(tmp_path, index):
    write_pictures(tmp_path / "pictures", 3)
    (tmp_path / "pictures" / "bad.png").write_bytes(b"words")
    index(tmp_path / "pictures")

    def script():
        from ui.page.collection import collection

        collection.draw()

    app = run(AppTest.from_function(script, default_timeout=20))
    assert {each.label: each.value for each in app.metric}["Items"] == "3"
    assert "3 added" in app.markdown[0].value
    assert any("bad.png" in name for each in app.dataframe for name in each.value.iloc[:, 0])


def test_equal_views_have_equal_urls():
    assert state.View().as_parameters() == {}
    assert state.View(q="a b", page=2, like=3).as_parameters() == {"q": "a b", "like": "3", "page": "2"}
