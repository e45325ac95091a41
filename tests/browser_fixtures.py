"""One server and one browser for all tests in a real browser: starting them takes longer than most tests."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from indexer import Collection, load_encoder
from tests.browser import ARGUMENTS, PATIENCE, find_browser, findmake, serving, settle
from tests.made_pictures import make

PHOTOS = ("coffee.png", "chelsea.png", "coins.png", "brick.png", "moon.png", "page.png")
TABLE = "id,price,image\nrocket,49.5,rocket.jpg\ncamera,120,camera.png\n"
DISHES = (
    *("lentil soup", "onion soup", "potato soup", "pea soup", "beetroot salad", "bean salad", "rice pudding"),
    *("apple cake", "plum cake", "walnut bread", "rye bread", "oat porridge", "leek tart", "spinach pie"),
    *("mushroom stew", "fish stew", "roast carrots", "baked pears"),
)


def pytest_collection_modifyitems(items):
    """Put them last: playwright's event loop, once begun, would get in the way of other tests."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A collection of the starter: eight photos, dishes in words, a made picture that stands apart."""
    skimage = pytest.importorskip("skimage", reason="scikit-image, whose photos are searched, is missing")
    folder, data = tmp_path_factory.mktemp("page"), Path(skimage.data_dir)
    for part, names in (("photos", PHOTOS), ("shop", ("rocket.jpg", "camera.png"))):
        (folder / part).mkdir()
        for name in names:
            (folder / part / name).write_bytes((data / name).read_bytes())
    (folder / "shop" / "products.csv").write_text(TABLE, encoding="utf-8")
    rows = "".join(f"{number},{dish},Recipe for {dish}.\n" for number, dish in enumerate(DISHES))
    (folder / "recipes.csv").write_text("id,title,text\n" + rows, encoding="utf-8")
    given = folder / "recipes.csv", folder / "photos", folder / "shop" / "products.csv"
    findmake("index", *given, "--collection", folder / "collection", "--model", "starter")
    opened = Collection.open(folder / "collection")
    make(opened, load_encoder("starter"), for_query="something yellow", verdict="match", parents=(1,))
    opened.close()
    return folder / "collection"


@pytest.fixture(scope="session")
def address(shop):
    """Where the page over the shop is served."""
    with serving(shop, shop.parent / "serve.log") as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    """A Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing (the dev extra)")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def contexts(browser):
    """Windows by how they look at the page; a new one would fetch and read all scripts anew."""
    known = {}

    def context(options):
        found = known.get(repr(options))
        if found is None:
            found = known[repr(options)] = browser.new_context(**options)
        return found

    return context


@pytest.fixture
def troubles():
    """What the browser complained about; empty when all is well."""
    return []


@pytest.fixture
def open_page(contexts, address, troubles):
    """Open a part of the page in a session of its own: ``open_page("?q=a+cat")``."""
    pages = []

    def open_(path="", **options):
        page = contexts({"viewport": {"width": 1280, "height": 900}} | options).new_page()
        pages.append(page)
        page.set_default_timeout(60_000)
        page.on("console", lambda said: _complaint(said, troubles))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda asked: _only_here(asked.url, troubles))
        page.goto(path if path.startswith("http") else f"{address}/{path}")
        page.wait_for_selector(".st-key-foot", timeout=PATIENCE)
        settle(page)
        return page

    yield open_
    for page in pages:
        page.close()


def _complaint(said, troubles):
    # of a page below the root, Streamlit's own script looks for its server there first
    if said.type == "error" and "_stcore" not in said.location.get("url", ""):
        troubles.append(said.text)


def _only_here(url, troubles):
    if urlsplit(url).hostname not in (None, "127.0.0.1", ""):
        troubles.append(f"asked another machine: {url}")
