"""A real browser, and the real page to look at with it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


PATIENCE = 240_000  # milliseconds: a model and a generator are loaded, on whatever machine this is
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def find_browser():
    """The path of a Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="no browser here; on Debian: apt-get install chromium"),
]
"""What marks the tests of a module that drives a browser."""


def findmake(*arguments):
    """Run a command line to its end."""
    command = [sys.executable, "-m", "ui.cli", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


@contextmanager
def serving(collection, log, *, home=None):
    """Serve a collection by ``findmake serve`` on a free port; give the page's address.

    Args:
        collection: its folder.
        log: the file that takes the server's output.
        home: of a person who starts it, and has it open their browser; None for nobody.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "ui.cli", "serve", "--port", str(port), "--collection", str(collection)]
    person = {} if home is None else {"HOME": str(home), "BROWSER": "true"}
    with Path(log).open("wb") as output:
        server = subprocess.Popen(
            command if person else [*command, "--no-browser"],
            env=os.environ | person,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that the server and its child end together
        )
        try:
            _await(f"http://127.0.0.1:{port}/_stcore/health", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, 15)
            server.wait(timeout=20)


def _await(address, server, log, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the page did not start: {Path(log).read_text(errors='replace')}")


_STILL = """!document.querySelector("[data-stale=true], [data-testid=stSkeleton]")
  && document.getAnimations().every(
    (each) => each.playState != "running" || each.effect.getTiming().iterations == Infinity)"""


def settle(page):
    """Wait until the script has run to its end, all pictures are there, and nothing moves any more."""
    page.wait_for_timeout(300)  # the run that a click causes has begun by then
    page.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']", timeout=60_000)
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    page.wait_for_function(_STILL)


def titles(page):
    """The titles of the cards, in order."""
    return page.locator(".fm-title").all_inner_texts()


def ask(page, words):
    """Type words into the box, and wait for the answer."""
    page.get_by_role("searchbox", name="Search").fill(words)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*")
    settle(page)


def go_to(page, name):
    """Go to another page by its link above."""
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_url(re.compile(f"/{name.lower()}"))
    settle(page)


def overflow(page):
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
