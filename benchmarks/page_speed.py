"""From the Enter key to painted results in a real browser, warm, and where the time goes.

    python benchmarks/page_speed.py [ITEMS] [QUERIES]                       (default: 10000 40)

Painted means: the headline of this very query stands there, all pictures within the window are decoded, and
the browser has drawn a frame after that. "Search" is what the page itself says a search took, with the model;
the rest is the page's script, the way to the browser, and the browser drawing it.
"""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import numpy as np
from pages import page_over

_WARM_UP = 5
_WATCH = """(words) => new Promise((done) => {
  const started = performance.now();
  let ended = null;
  const look = () => {
    const app = document.querySelector("[data-testid=stApp]");
    const running = app.dataset.testScriptState != "notRunning";
    const asked = new URLSearchParams(location.search).get("q") == words;
    const stale = document.querySelector("[data-stale=true]");
    const near = [...document.images].filter((each) => each.getBoundingClientRect().top < innerHeight);
    const headed = document.querySelector(".fm-headline");
    const fresh = window.changedAt && window.changedAt > started - 50;
    if (asked && !running && ended === null && fresh) ended = performance.now() - started;
    if (asked && fresh && headed && !stale && near.length && near.every((each) => each.complete)) {
      const hits = [...document.querySelectorAll(".fm-title")].length;
      if (hits >= 10) {
        requestAnimationFrame(() => requestAnimationFrame(() => done(
          { painted: performance.now() - started, ended: ended, says: document.body.innerText })));
        return;
      }
    }
    setTimeout(look, 4);
  };
  window.changedAt = 0;
  if (window.watcher) window.watcher.disconnect();
  window.watcher = new MutationObserver((all) => {
    for (const each of all) {
      const place = each.target.nodeType == 1 ? each.target : each.target.parentElement;
      if (place && (place.closest(".fm-title, .fm-headline") || place.querySelector?.(".fm-title")))
        window.changedAt = performance.now();
    }
  });
  const all = { subtree: true, childList: true, characterData: true, attributes: true };
  window.watcher.observe(document.body, all);
  look();
})"""


def one(window: Any, words: str) -> tuple[float, float]:
    """Ask for words; give the milliseconds until painted, and those of the search within."""
    box = window.get_by_role("searchbox", name="Search")
    box.fill(words)
    waiting = f"(() => {{ window.result = ({_WATCH})({words!r}); }})()"
    window.evaluate(waiting)
    window.keyboard.press("Enter")
    told = window.evaluate("window.result")
    found = re.search(r"in ([\d,]+) ms", told["says"])
    return float(told["painted"]), float(found[1].replace(",", "")) if found else float("nan")


def settled(window: Any) -> None:
    """Wait until all of the script has run, so that queries do not run into each other."""
    window.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']")
    time.sleep(0.3)


def main() -> None:
    """Measure and print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    queries = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    painted, searched = [], []
    with page_over(count) as (window, url):
        window.goto(f"{url}/?q=warming+up")
        window.wait_for_selector(".fm-title", timeout=240_000)
        settled(window)
        for number in range(_WARM_UP + queries):
            whole, search = one(window, f"a red shoe number {number}")
            settled(window)
            if number >= _WARM_UP:
                painted.append(whole)
                searched.append(search)
    rest = np.array(painted) - np.array(searched)
    print(f"{count:,} items, starter, {queries} queries of new words, 24 cards, window of 1280 x 900\n")
    print("| what | median ms | p95 ms |\n|---|---|---|")
    for what, times in (
        ("Enter to painted results", painted),
        ("of it: the search, with the model", searched),
        ("of it: the page's script, the wire, the browser", rest),
    ):
        print(f"| {what} | {np.nanmedian(times):.0f} | {np.nanpercentile(times, 95):.0f} |")


if __name__ == "__main__":
    main()
