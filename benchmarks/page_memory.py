"""How much the page's server grows over many reruns that each show other pictures.

    python benchmarks/page_memory.py [RERUNS] [ITEMS]                       (default: 500 2000)

One browser asks for other words, or another page of the hits, each time; every rerun searches and shows up to
24 pictures. The server's memory is that of its own pages (USS: resident and shared with nobody), read after a
pause. The first fifty reruns fill caches that are bounded, and are told apart from the rest.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import psutil
from pages import page_over

_EVERY = 50


def server_of(url: str) -> psutil.Process:
    """Find the process that serves the page."""
    port = int(url.rsplit(":", 1)[1])
    children = psutil.Process().children(recursive=True)
    return next(
        each
        for each in children
        if each.is_running()
        and any(at.laddr.port == port and at.status == "LISTEN" for at in each.net_connections())
    )


def held(server: psutil.Process) -> float:
    """Read a process's own memory in MB."""
    time.sleep(1.5)
    return float(server.memory_full_info().uss) / 1e6


def rerun(window: Any, number: int) -> None:
    """Ask for something else, and wait until it is drawn."""
    if number % 3 == 2:
        window.get_by_role("button", name="Next").click()
        window.wait_for_url("**page=2*")
    else:
        window.get_by_role("searchbox", name="Search").fill(f"a red shoe number {number}")
        window.keyboard.press("Enter")
        window.wait_for_url(f"**number+{number}*")
    window.wait_for_timeout(100)
    window.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']")


def main() -> None:
    """Measure and print a table."""
    reruns = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000
    print(f"{reruns} reruns over {count:,} items, 24 pictures each\n")
    print("| reruns | server's own memory, MB |\n|---|---|")
    marks = []
    with page_over(count) as (window, url):
        window.goto(f"{url}/?q=warming+up")
        window.wait_for_selector(".fm-title", timeout=240_000)
        server = server_of(url)
        for number in range(reruns + 1):
            if number % _EVERY == 0:
                marks.append(held(server))
                print(f"| {number} | {marks[-1]:.0f} |", flush=True)
            rerun(window, number)
    whole, later = marks[-1] - marks[0], marks[-1] - marks[1]
    print(f"\ngrowth: {whole:.0f} MB in all, {later:.0f} MB after the first {_EVERY}")


if __name__ == "__main__":
    main()
