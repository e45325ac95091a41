"""Nothing on the page keeps out who sees little, hears it read, or uses no mouse: axe-core says so."""

import pytest

from tests.axe import violations
from tests.browser import IN_BROWSER, PHONE, settle

pytestmark = IN_BROWSER

LACKING = "?q=a+green+helicopter+over+a+lake"
STATES = {
    "find": "",
    "results": "?q=a+camera+on+a+tripod",
    "filtered": "?q=a+camera&where=price%3C200",
    "no match": LACKING,
    "weak": "?q=a+cup",
    "wrong": "?q=red+-+red",
    "gaps": "gaps",
    "library": "library",
    "collection": "collection",
}


PARTS = [
    *(f"library?show={part}" for part in ("timeline", "tags", "duplicates", "map")),
    *(f"collection?part={part}" for part in ("add", "quality", "doctor", "new")),
]


def test_what_is_grave_is_found(open_page):
    page = open_page("library")
    page.evaluate("document.querySelector('.fm-title').style.color = '#999'")
    page.evaluate("document.querySelector('.fm-headline').innerHTML = '<img src=\"\">'")
    assert {line.split(":")[0] for line in violations(page)} == {
        "serious color-contrast",
        "critical image-alt",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_nothing_grave_stands_in_the_way(open_page, state, scheme):
    if state == "gaps":
        open_page(LACKING)
    page = open_page(STATES[state], color_scheme=scheme, reduced_motion="reduce")
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_grave_stands_in_the_way_of_an_open_item(open_page, scheme):
    page = open_page("?q=a+rocket", color_scheme=scheme, reduced_motion="reduce")
    page.get_by_role("button", name="Open rocket").click()
    page.get_by_role("dialog").get_by_text("49.50").wait_for()
    settle(page)
    page.wait_for_timeout(500)  # it fades in, and pale letters would count
    assert violations(page) == []


@pytest.mark.parametrize("part", PARTS)
def test_nothing_grave_stands_in_the_way_of_a_part_of_a_page(open_page, part):
    page = open_page(part, reduced_motion="reduce")
    assert violations(page) == []


@pytest.mark.parametrize("state", ["find", "results", "gaps", "library"])
def test_nothing_grave_stands_in_the_way_on_a_phone(open_page, state):
    page = open_page(STATES[state], reduced_motion="reduce", **PHONE)
    assert violations(page) == []


def test_the_chinese_page_says_that_it_is_chinese(open_page, troubles):
    page = open_page("gaps", locale="zh-CN")
    page.wait_for_function("document.documentElement.lang == 'zh-Hans'")
    page.get_by_role("link", name="缺口", exact=True).wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="English").click()
    page.wait_for_url("**lang=en*")
    page.get_by_role("link", name="Gaps", exact=True).wait_for()
    page.wait_for_function("document.documentElement.lang == 'en'")
    assert troubles == []
