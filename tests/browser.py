"""A real browser, and the real page to look at with it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser():
    """The path of a Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


def findmake(*arguments):
    """Run a command line to its end."""
    command = [sys.executable, "-m", "ui.cli", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


@contextmanager
def serving(collection, log):
    """Serve a collection by ``findmake serve`` on a free port; give the page's address.

    Args:
        collection: its folder.
        log: the file that takes the server's output.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "ui.cli", "serve", "--no-browser", "--port", str(port)]
    with Path(log).open("wb") as output:
        server = subprocess.Popen(
            [*command, "--collection", str(collection)],
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


def settle(page):
    """Wait until the script has run to its end and all pictures are there."""
    page.wait_for_timeout(300)  # the run that a click causes has begun by then
    page.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']", timeout=60_000)
    page.wait_for_function("[...document.images].every((image) => image.complete)")
