"""The main flows by the keyboard alone: no mouse, no script, only keys and what has the focus."""

from tests.browser import IN_BROWSER, settle, titles

pytestmark = IN_BROWSER

_FOCUSED = """() => {
  const it = document.activeElement;
  if (!["A", "BUTTON", "INPUT"].includes(it.tagName)) return "";  // all of the page can have the focus, too
  return it.getAttribute("aria-label") || it.innerText || it.getAttribute("placeholder") || "";
}"""


def tab_to(page, name, most=150):
    """Press Tab until what is called so has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if name in page.evaluate(_FOCUSED):
            return
    raise AssertionError(f"{most} times Tab did not lead to {name!r}")


def search(page, words):
    tab_to(page, "Search")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*")
    settle(page)


def test_a_hit_is_sought_opened_and_closed_by_keys(open_page, troubles):
    page = open_page()
    search(page, "a rocket")
    tab_to(page, "Open rocket")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_text("49.50").wait_for()
    settle(page)
    page.keyboard.press("Escape")
    page.wait_for_function("!location.search.includes('item=')")
    settle(page)
    assert titles(page)[0] == "rocket"
    assert troubles == []


def test_pages_are_turned_by_keys(open_page, troubles):
    page = open_page()
    first = titles(page)
    tab_to(page, "Next", most=300)
    page.keyboard.press("Enter")
    page.wait_for_url("**page=2*")
    settle(page)
    assert titles(page)
    assert not set(titles(page)) & set(first)
    assert troubles == []


def test_other_pages_are_reached_by_keys(open_page, troubles):
    page = open_page()
    tab_to(page, "Library")
    page.keyboard.press("Enter")
    page.wait_for_url("**/library*")
    settle(page)
    tab_to(page, "Open camera")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert troubles == []


def test_what_has_the_focus_is_seen(open_page):
    page = open_page()
    tab_to(page, "Open camera")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
