"""More ways through the page in a real browser: narrowing, picking, languages, the library, collections."""

import csv
import io
from pathlib import Path

import pytest

from tests.browser import IN_BROWSER, PHONE, ask, go_to, overflow, settle, titles

pytestmark = IN_BROWSER


def choose(page, name):
    """Click one of several choices that stand side by side."""
    page.locator("[data-testid=stButtonGroup] button, [data-testid=stButtonGroup] label").filter(
        has_text=name
    ).first.click()
    settle(page)


def test_a_facet_narrows_and_stands_in_the_url_as_text(open_page, troubles):
    page = open_page()
    choose(page, "picture (8)")
    page.wait_for_url("**where=*")
    settle(page)
    assert set(titles(page)) >= {"camera", "rocket", "coffee"}
    assert "lentil soup" not in titles(page)
    assert page.get_by_role("textbox", name="Filter").input_value()
    assert troubles == []


def test_a_filter_is_written_by_hand_and_cleared(open_page, troubles):
    page = open_page()
    box = page.get_by_role("textbox", name="Filter")
    box.fill("price<80")
    box.press("Enter")
    page.wait_for_url("**where=price*")
    settle(page)
    assert titles(page) == ["rocket"]
    page.get_by_role("button", name="Clear the filter").click()
    page.wait_for_function("!location.search.includes('where=')")
    assert troubles == []


def test_a_wrong_filter_is_pointed_at(open_page):
    page = open_page("?where=price%3C%3C")
    page.get_by_text("Cannot read the filter at character").wait_for()
    assert titles(page) == []


def test_the_size_of_pictures_is_chosen_and_shared(open_page, troubles):
    page = open_page("?q=a+camera")
    width = page.locator("[class*=st-key-card-]").first.bounding_box()["width"]
    choose(page, "Large")
    page.wait_for_url("**size=large*")
    settle(page)
    assert page.locator("[class*=st-key-card-]").first.bounding_box()["width"] > width
    assert troubles == []


def test_picked_hits_are_exported(open_page, troubles):
    page = open_page("?q=a+camera")
    for name in ("camera", "rocket"):
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).locator(
            "xpath=ancestor::label"
        ).click()
        settle(page)
    page.get_by_text("2 selected").wait_for()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    written = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(written)))) == 2
    assert troubles == []


def test_two_hits_are_held_side_by_side(open_page, troubles):
    page = open_page("?q=a+camera")
    for name in ("camera", "rocket"):
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).locator(
            "xpath=ancestor::label"
        ).click()
        settle(page)
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**compare=*")
    page.get_by_role("dialog").get_by_text("49.50").wait_for()
    assert troubles == []


def test_a_thumb_up_brings_what_is_like_it(open_page, troubles):
    page = open_page()
    page.get_by_role("button", name="More such as coffee").click()
    page.get_by_text("For you").wait_for()
    other = open_page()
    assert other.get_by_role("button", name="Forget the votes").count() == 0, "votes are nobody else's"
    assert troubles == []


def test_going_back_brings_the_question_before(open_page):
    page = open_page()
    ask(page, "a rocket")
    ask(page, "a cup of coffee")
    assert titles(page)[0] == "coffee"
    page.go_back()
    page.wait_for_url("**q=a+rocket*")
    settle(page)
    assert titles(page)[0] == "rocket"


def test_the_language_is_chosen_at_the_foot_and_kept_from_page_to_page(open_page, troubles):
    page = open_page()
    page.get_by_role("button", name="简体中文").click()
    page.wait_for_url("**lang=zh*")
    page.get_by_role("link", name="图片库", exact=True).click()
    page.wait_for_url("**/library*")
    settle(page)
    page.get_by_role("link", name="缺口", exact=True).wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    assert troubles == []


def test_a_link_carries_its_language(open_page):
    page = open_page("library?lang=zh")
    page.get_by_role("link", name="查找", exact=True).wait_for()


@pytest.mark.parametrize("part", ["timeline", "tags", "duplicates", "map"])
def test_each_part_of_the_library_opens_by_its_link(open_page, troubles, part):
    page = open_page(f"library?show={part}")
    assert page.locator("[data-testid=stException]").count() == 0
    assert troubles == []


@pytest.mark.parametrize("part", ["add", "quality", "doctor", "new"])
def test_each_part_of_collections_opens_by_its_link(open_page, troubles, part):
    page = open_page(f"collection?part={part}")
    assert page.locator("[data-testid=stException]").count() == 0
    assert troubles == []


def test_an_item_is_tagged_and_found_by_its_tag(open_page, troubles):
    page = open_page("?q=a+camera")
    page.get_by_role("checkbox", name="Select camera", exact=True).locator("xpath=ancestor::label").click()
    settle(page)
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("textbox", name="Tag", exact=True).fill("tripod sale")
    page.get_by_role("button", name="Add to 1 item").click()
    page.locator("[data-testid=stToast]").wait_for()  # a busy machine may take longer to begin than to settle
    go_to(page, "Library")
    shown = open_page("library?tag=tripod+sale")
    assert titles(shown) == ["camera"]
    assert troubles == []


@pytest.mark.parametrize("path", ["", "collection", "library?show=timeline", "library?show=duplicates"])
def test_no_page_is_wider_than_a_phone(open_page, path):
    assert overflow(open_page(path, **PHONE)) <= 0
