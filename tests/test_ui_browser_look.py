"""What only a real browser can tell of the looks: what stands in line, what is covered, what is in sight."""

from contextlib import closing

import pytest

from indexer import Collection, Unanswered
from tests.axe import violations
from tests.browser import IN_BROWSER, PHONE, settle

LACKING = "?q=a+green+helicopter+over+a+lake"
_WORDS = """() => [...document.querySelectorAll(".fm-text p")].map((text) => {
  const words = document.createRange();
  words.selectNodeContents(text);
  const box = text.closest("[class*=st-key-card-]").querySelector("[class*=st-key-select-]");
  const place = box.getBoundingClientRect();
  return [...words.getClientRects()].some((line) => line.right > place.left && line.top < place.bottom);
})"""

pytestmark = IN_BROWSER


def tops(page, selector):
    """How far down each of these begins, in whole pixels."""
    return {round(each.bounding_box()["y"]) for each in page.locator(selector).all()}


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_the_box_that_picks_a_card_covers_none_of_its_words(open_page, size):
    covered = open_page("?where=modality=text", **size).evaluate(_WORDS)
    assert len(covered) > 10
    assert not any(covered)


def test_what_was_picked_can_be_read_in_the_dark(open_page):
    page = open_page(color_scheme="dark", reduced_motion="reduce")
    page.locator("[class*=st-key-select-] label").first.click()
    page.locator(".st-key-selection").wait_for()
    settle(page)
    assert violations(page) == []


def test_what_is_lacking_can_be_made_without_scrolling(open_page):
    page = open_page(LACKING)
    button = page.get_by_role("button", name="Make it", exact=True).bounding_box()
    assert button["y"] + button["height"] < 900


@pytest.mark.parametrize("part", ["library", "library?show=timeline"])
def test_labels_and_fields_of_the_library_stand_in_line(open_page, part):
    page = open_page(part)
    assert len(tops(page, ".st-key-narrow label[data-testid=stWidgetLabel]:visible")) == 1
    assert len(tops(page, ".st-key-narrow :is([role=radio], [role=group])")) == 1


def test_pictures_of_gaps_stand_in_line_with_a_button_and_without(open_page, shop):
    open_page(LACKING)
    with closing(Collection.open(shop)) as opened:
        row = opened.store.misses()[0].embedding
        opened.log_miss(
            Unanswered(text="a picture", kind="image", verdict="no match", coverage=0.1, embedding=-row)
        )
    page = open_page("gaps")
    assert page.locator("[class*=st-key-lacking-]").count() > page.locator("[class*=st-key-seek-]").count()
    shown = page.locator("[class*=st-key-lackshown-]").all()
    assert len({round(each.bounding_box()["x"]) for each in shown}) == 1


@pytest.mark.parametrize("name", ["library", "collection"])
def test_the_parts_of_a_page_fit_one_row_of_a_phone(open_page, name):
    page = open_page(name, **PHONE)
    assert len(tops(page, ":is(.st-key-show, .st-key-part) [role=radio]")) == 1
