"""Take the pictures of the page that the documents show, from the real page over the sample catalogue.

    python data/sample/build.py /tmp/catalogue
    findmake index /tmp/catalogue/products/products.csv /tmp/catalogue/photos --collection /tmp/collection
    python docs/take_screenshots.py /tmp/collection [DEST]        (default: docs/images)

The pictures show the paths, hence the folder that is nobody's own; what is sought in vain is logged there.
Needs the "dev" extra and a Chromium.
"""

from __future__ import annotations

import argparse
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from PIL import Image

from tests.browser import ARGUMENTS, find_browser, serving, settle

LACKING = ("a surfer on a wave", "a tractor", "a church", "an elephant", "a birthday cake")
WIDE, PHONE = (1280, 860), (390, 844)


def main() -> None:
    """Take them all."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("collection", type=Path, help="a collection of the sample catalogue")
    parser.add_argument("dest", nargs="?", type=Path, default=Path(__file__).with_name("images"))
    chosen = parser.parse_args()
    chosen.dest.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        with serving(chosen.collection, Path(folder) / "serve.log") as url:
            for sought in LACKING:
                take(browser, f"{url}/?q={quote_plus(sought)}", WIDE, Path(folder) / "sought.png")
            take(browser, f"{url}/gaps", WIDE, chosen.dest / "gaps.png")
            take(browser, f"{url}/library", WIDE, chosen.dest / "library.png")
            take(browser, f"{url}/?q=running+shoes", WIDE, chosen.dest / "find.png")
            take(browser, f"{url}/?q=a+motorcycle", WIDE, chosen.dest / "find-dark.png", scheme="dark")
            take(browser, f"{url}/?q=a+tractor", WIDE, chosen.dest / "no-match.png")
            narrowed = f"{url}/?q=camera&where=price%3C800"
            take(browser, narrowed, WIDE, chosen.dest / "filter.png")
            take(browser, f"{url}/?q=a+plant+in+a+pot", PHONE, chosen.dest / "phone.png")
            first = "[class*=st-key-open-] button"
            take(browser, f"{url}/?q=running+shoes", WIDE, chosen.dest / "detail.png", press=first)
        browser.close()


def take(
    browser: Any, url: str, size: tuple[int, int], path: Path, *, scheme: str = "light", press: str = ""
) -> None:
    """Open an address in a fresh window, press the first of some buttons, and save what it shows."""
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_page(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    for _ in range(2):  # the second time all is warm, and the milliseconds are those that people see
        page.goto(url)
        page.wait_for_selector(".st-key-foot", timeout=90_000)  # the last thing on every page
        settle(page)
    if press:
        page.locator(press).first.click()
        settle(page)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1_500)  # pictures and the dialog fade in
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    palette = picture.quantize(256, kmeans=1)
    picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    page.close()


if __name__ == "__main__":
    main()
