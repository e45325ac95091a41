"""What can be done on Find: narrow, vote, pick many, compare, explain, search by a part of a picture."""

import pytest

from tests.test_ui_page import fresh, page, parameters, pictures, run, titles, upload
from tests.test_ui_page_answers import markup
from ui.page import state

__all__ = ["fresh", "pictures"]  # fixtures

TABLE = "title,price,brand\n" + "".join(
    f"red {n},{n * 5},{('Nike', 'Puma', 'Asics')[n % 3]}\n" for n in range(12)
)


@pytest.fixture
def shop(tmp_path, index):
    (tmp_path / "shop.csv").write_text(TABLE, encoding="utf-8")
    index(tmp_path / "shop.csv")


def pick(app, *numbers):
    for number in numbers:
        app.checkbox(key=f"select-{number}").check()
        run(app)
    return app


def test_widgets_and_text_are_one_filter_that_stands_in_the_url(shop):
    app = page(q="red", where="has:title and price<40")
    assert app.slider(key="span-price").value == (0.0, 40.0)
    assert "has:title" in [each.value for each in app.code]
    app.pills(key="pick-brand").select("nike")
    run(app)
    assert parameters(app)["where"] == "has:title and price<40 and brand=Nike"
    assert app.text_input(key="where").value == parameters(app)["where"]
    app.slider(key="span-price").set_value((10.0, 55.0))
    run(app)
    assert parameters(app)["where"] == "has:title and price>=10 and brand=Nike"
    assert sorted(titles(app)) == ["red 3", "red 6", "red 9"]
    app.button(key="clear-filter").click()
    assert parameters(run(app)) == {"q": "red"}


def test_a_filter_that_cannot_be_read_leaves_its_text_to_be_mended(shop):
    app = page(q="red", where="price<")
    assert app.text_input(key="where").value == "price<"
    assert not app.pills
    app.text_input(key="where").set_value("price<20")
    assert len(titles(run(app))) == 4


def test_the_size_stands_in_the_url_and_keeps_the_page(pictures):
    app = page(q="red", page="2")
    app.segmented_control(key="size").set_value("large")
    assert parameters(run(app)) == {"q": "red", "page": "2", "size": "large"}
    assert app.segmented_control(key="size").value == "large"
    assert parameters(page(size="huge")) == {"size": "huge"}, "and shows the usual size"


def test_votes_steer_a_row_and_belong_to_their_session(shop):
    app = page(q="red")
    assert "For you" not in markup(app)
    app.button(key="up-1").click()
    run(app)
    assert "For you" in markup(app)
    suggested = [each.key for each in app.button if str(each.key).startswith("open-foryou-")]
    assert suggested
    assert "open-foryou-1" not in suggested
    app.button(key="down-2").click()
    run(app)
    assert "open-foryou-2" not in [each.key for each in app.button]
    assert "For you" not in markup(page(q="red")), "another session has its own"
    app.button(key="forget").click()
    assert "For you" not in markup(run(app))


def test_many_are_tagged_and_untagged_at_once(shop):
    app = pick(page(q="red"), 1, 3)
    assert "2 selected" in markup(app)
    app.text_input(key="tag for many").set_value("Summer  sale")
    app.button(key="tag-add").click()
    run(app)
    tagged = [item.id for item in state.collection().store.items([1, 2, 3]) if item.tags == ("summer sale",)]
    assert tagged == [1, 3]
    app.button(key="tag-remove").click()
    run(app)
    assert not state.collection().store.tags()
    app.text_input(key="tag for many").set_value(" ")
    app.button(key="tag-add").click()
    assert "blank" in run(app).error[0].value
    app.button(key="clear-selection").click()
    assert "2 selected" not in markup(run(app))


def test_a_whole_page_is_selected_and_can_be_taken_away(shop):
    app = pick(page(q="red"), 2)
    app.button(key="select-page").click()
    run(app)
    assert "12 selected" in markup(app)
    assert {each.key for each in app.get("download_button")} >= {"export-csv", "export-json", "export-zip"}


def test_two_stand_side_by_side_by_their_url(shop):
    app = pick(page(q="red"), 1)
    assert app.button(key="compare").disabled
    pick(app, 4)
    app.button(key="compare").click()
    run(app)
    assert parameters(app) == {"q": "red", "compare": "1,4"}
    told = markup(page(q="red - blue", compare="1,4"))
    assert '<tr class="fm-differs">' in told
    assert told.count('<span class="fm-term-bar') == 4, "two terms each"
    assert "Cannot compare" in page(compare="1,999").error[0].value


def test_the_details_tell_what_each_term_gave_and_where_it_matches(pictures):
    app = page(q="red - blue", item="1")
    assert markup(app).count('<span class="fm-term-bar') == 2
    app.button(key="heat-1").click()
    run(app)
    assert any("glow" in each.value for each in app.caption)
    assert not [each for each in page(item="1").button if each.key == "heat-1"], "nothing was asked"


def test_a_part_of_a_picture_is_searched_with(pictures):
    app = upload(page(), pictures[4].read_bytes())
    app.slider(key="region across").set_value((20.0, 60.0))
    run(app)
    assert parameters(app)["region"] == "20,0,40,100"
    app.button(key="remove-picture").click()
    assert parameters(run(app)) == {}


def test_a_part_that_makes_no_sense_is_told(pictures):
    app = upload(page(), pictures[4].read_bytes())
    asked = parameters(app)
    assert "per cent" in page(**asked, region="1,2").error[0].value
