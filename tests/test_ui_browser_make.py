"""Making what is lacking in a real browser, with the real model and the real starter generator."""

import re
from pathlib import Path

import pytest

from indexer import Collection
from tests.browser import IN_BROWSER, PATIENCE, PHONE, go_to, overflow, settle

LACKING = "a bright red tractor in a field"

pytestmark = IN_BROWSER


def lacking_page(open_page):
    page = open_page(f"?q={LACKING.replace(' ', '+')}")
    page.locator(".st-key-make, .st-key-make-weak").first.wait_for()
    if page.locator(".st-key-make-weak").count():
        page.get_by_role("button", name="Make it all the same").click()
        settle(page)
    return page


def test_what_is_lacking_is_made_and_survives_a_reload(open_page, troubles, tmp_path):
    page = lacking_page(open_page)
    assert "tractor" in page.get_by_role("textbox", name="What the generator is told").input_value()
    page.get_by_role("button", name="Make it", exact=True).click()
    page.get_by_role("button", name=re.compile("Cancel|Make more|Try again")).wait_for()
    page.reload()
    page.get_by_role("button", name="Make more").wait_for(timeout=PATIENCE)
    settle(page)
    page.screenshot(path=tmp_path / "made.png", full_page=True)
    shown = page.locator(".st-key-candidates")
    assert shown.locator(".fm-title").count() == 4
    for image in shown.get_by_role("img").all():
        assert image.get_attribute("alt")
    assert troubles == []


def test_work_is_stopped_from_the_keyboard(open_page, troubles):
    page = open_page("?q=a+spaceship+made+of+green+glass")
    page.locator(".st-key-make, .st-key-make-weak").first.wait_for()
    if page.locator(".st-key-make-weak").count():
        page.get_by_role("button", name="Make it all the same").press("Enter")
        settle(page)
    page.get_by_role("slider", name="Pictures to make").press("End")
    settle(page)
    page.get_by_role("button", name="Make it", exact=True).press("Enter")
    page.get_by_role("button", name="Cancel").press("Enter")
    page.get_by_text("Cancelled. The unfinished picture was not kept.").wait_for(timeout=PATIENCE)
    assert troubles == []


def test_what_stands_apart_is_shown_on_request_and_promoted_from_the_library(open_page, shop, troubles):
    page = open_page()
    assert page.locator(".fm-badge").count() == 0
    page.locator(".st-key-made label").click()
    page.wait_for_url("**generated=1*")
    settle(page)
    assert page.locator(".fm-badge").first.inner_text() == "made by findmake"
    go_to(page, "Library")
    page.get_by_text("Kept apart").click()
    page.wait_for_url("**origin=apart*")
    settle(page)
    page.get_by_role("button", name=re.compile("^Open ")).first.click()
    dialog = page.locator("section[role=dialog]")  # a popover is a dialog, too
    dialog.get_by_text("Synthetic: a model made this picture").wait_for()
    assert dialog.get_by_role("img", name=re.compile("made by findmake")).count() >= 1
    dialog.get_by_role("button", name="Promote").click()
    dialog.get_by_text("made by findmake, promoted").wait_for()
    opened = Collection.open(shop)
    item_id = int(re.search(r"item=(\d+)", page.url)[1])
    assert not opened.item(item_id).apart
    dialog.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Yes, discard it").click()
    dialog.wait_for(state="detached")
    page.wait_for_function("!location.search.includes('item=')")
    assert opened.store.items([item_id]) == []
    opened.close()
    assert troubles == []


def test_gaps_lead_to_a_search_are_exported_and_forgotten(open_page, troubles, tmp_path):
    open_page("?q=seven+purple+umbrellas")
    page = open_page()
    go_to(page, "Gaps")
    row = page.locator("[class*=st-key-lacking-]").filter(has_text="seven purple umbrellas")
    assert row.get_by_role("img").first.get_attribute("alt")
    page.screenshot(path=tmp_path / "gaps.png", full_page=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert "seven purple umbrellas" in Path(download.value.path()).read_text()
    row.get_by_role("button", name="Search").click()
    page.wait_for_url("**q=seven*")
    settle(page)
    assert page.get_by_role("searchbox", name="Search").input_value() == "seven purple umbrellas"
    go_to(page, "Gaps")
    row.get_by_role("checkbox").locator("xpath=ancestor::label").click()
    settle(page)
    page.get_by_role("button", name="Forget selected").click()
    page.get_by_role("button", name="Yes, forget them").click()
    row.wait_for(state="detached")
    assert troubles == []


@pytest.mark.parametrize("path", ["gaps", "library", f"?q={LACKING.replace(' ', '+')}"])
def test_a_phone_shows_it_without_scrolling_sideways(open_page, path):
    page = open_page(path, **PHONE)
    assert overflow(page) <= 0
