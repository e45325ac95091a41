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


# -- a part of the picture ---------------------------------------------------------------------------------


def drag(page, stage, start, end):
    """Draw a frame from one place to another, both in shares of the picture's sides."""
    box = stage.bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=5)
    page.mouse.up()


def wait_for_region(page, *expected):
    page.wait_for_function(
        """expected => {
          const region = new URLSearchParams(location.search).get("region");
          const sides = region ? region.split(",").map(Number) : [];
          const near = (side, place) => Math.abs(side - expected[place]) < 2;
          return sides.length === expected.length && sides.every(near);
        }""",
        arg=list(expected),
    )
    settle(page)


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_a_frame_is_dragged_in_the_picture_shown_and_taken_away(open_page, troubles, tmp_path, size):
    page = open_page(**size)
    page.locator("[class*=st-key-with-picture-] button").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": small_copy("chelsea.png")}
    )
    page.wait_for_url("**picture=*")
    settle(page)
    page.get_by_role("button", name="All of it").click()
    stage = page.locator(".stage")
    stage.wait_for()
    assert not stage.locator(".frame").is_visible()
    drag(page, stage, (0.75, 0.6), (0.25, 0.1))
    wait_for_region(page, 25, 10, 50, 50)
    shown, around = stage.locator(".frame").bounding_box(), stage.bounding_box()
    assert shown["width"] / around["width"] == pytest.approx(0.5, abs=0.02)
    page.screenshot(path=tmp_path / "framed.png")
    page.mouse.click(around["x"] + 5, around["y"] + 5)  # no frame, so that nothing changes
    wait_for_region(page, 25, 10, 50, 50)
    drag(page, stage, (0.5, 0.5), (3, 3))  # and out of the picture
    wait_for_region(page, 50, 50, 50, 50)
    page.get_by_role("button", name="Search with all of it").click()
    page.wait_for_function("!location.search.includes('region=')")
    assert troubles == []


def test_a_filter_too_long_for_a_link_is_not_cut_to_another_one(open_page):
    page = open_page("?where=" + "+or+".join(f"title=t{number}" for number in range(200)))
    page.get_by_text("at most 2000 characters are read").wait_for()
    assert titles(page) == []
