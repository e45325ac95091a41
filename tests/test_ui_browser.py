"""The page in a real browser, with the real model over real photos: what a person would do, start to end."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from tests.browser import IN_BROWSER, PHONE, ask, overflow, settle, titles
from tests.browser_fixtures import DISHES, PHOTOS

skimage = pytest.importorskip("skimage", reason="scikit-image, whose photos are searched, is not installed")

QUERY = "a photographer with a camera on a tripod"
_PASTE = """async (encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "image.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
}"""

pytestmark = IN_BROWSER


def small_copy(name):
    """The bytes of a smaller, recompressed copy of a photo: a twin, but not the same file."""
    picture = Image.open(Path(skimage.data_dir) / name).convert("RGB")
    picture.thumbnail((300, 300))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_person_finds_what_they_look_for(open_page, troubles, tmp_path):
    page = open_page()
    page.screenshot(path=tmp_path / "browse.png")
    assert len(titles(page)) == min(24, len(PHOTOS) + 2 + len(DISHES))

    ask(page, QUERY)
    assert titles(page)[0] == "camera"
    page.screenshot(path=tmp_path / "words.png")

    page.get_by_role("button", name="More like this").first.click()
    page.wait_for_url("**like=*")
    settle(page)
    assert "camera" not in titles(page)
    assert page.get_by_role("img", name="like camera").is_visible()
    page.screenshot(path=tmp_path / "like.png")

    alike = titles(page)
    assert titles(open_page(page.url)) == alike, "the link shows the same to somebody else"

    page.go_back()
    page.wait_for_url("**q=*")
    settle(page)
    assert titles(page)[0] == "camera"
    assert page.get_by_role("searchbox", name="Search").input_value() == QUERY
    assert troubles == []


def test_a_picture_finds_its_twin(open_page, troubles, tmp_path):
    page = open_page()
    page.locator("[class*=st-key-with-picture-] button").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": small_copy("chelsea.png")}
    )
    page.wait_for_url("**picture=*")
    settle(page)
    assert titles(page)[0] == "chelsea"
    alone = titles(page)

    ask(page, f"2:{QUERY}")
    assert "picture=" in page.url
    both = titles(page)
    assert set(both[:2]) == {"camera", "chelsea"}
    assert both != alone
    page.screenshot(path=tmp_path / "both.png")
    assert titles(open_page(page.url)) == both, "the server still has the picture"
    assert troubles == []


def test_a_pasted_picture_finds_its_twin(open_page, troubles):
    page = open_page()
    page.locator("html[data-paste=heard]").wait_for(state="attached")
    page.evaluate(_PASTE, base64.b64encode(small_copy("coins.png")).decode())
    page.wait_for_url("**picture=*")
    settle(page)
    assert titles(page)[0] == "coins"
    assert troubles == []


def test_the_details_open_over_the_results_and_close_again(open_page, troubles, tmp_path):
    page = open_page()
    ask(page, "a rocket")
    page.get_by_role("button", name="Open rocket").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("49.50").wait_for()
    settle(page)
    assert dialog.get_by_role("img", name="rocket").is_visible()
    assert "item=" in page.url
    page.screenshot(path=tmp_path / "details.png")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download the original").click()
    assert download.value.suggested_filename == "rocket.jpg"
    settle(page)
    page.keyboard.press("Escape")
    page.wait_for_function("!location.search.includes('item=')")
    assert dialog.count() == 0
    assert troubles == []


def test_a_wrong_file_is_told_in_words(open_page, troubles):
    page = open_page()
    page.locator("[class*=st-key-with-picture-] button").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"just words"}
    )
    page.get_by_text("it is not a picture").wait_for()
    assert troubles == []


def test_a_phone_shows_it_without_scrolling_sideways(open_page, troubles, tmp_path):
    page = open_page("?q=a+cat", **PHONE)
    page.screenshot(path=tmp_path / "phone.png")
    assert overflow(page) <= 0
    assert page.locator(".fm-title").first.bounding_box()["width"] > 140
    assert troubles == []
