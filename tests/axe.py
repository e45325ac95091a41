"""Asking axe-core what keeps people from using the page; its rules follow WCAG 2.2 A and AA."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

GRAVE = ("serious", "critical")
_RUN = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.map((each) => ({
    id: each.id, impact: each.impact, help: each.help,
    nodes: each.nodes.map((node) => node.html.slice(0, 160) + " || " + node.target.join(" ")
      + " || " + (node.any[0] ? node.any[0].message : "")),
  }));
}"""


@cache
def _source():
    package = find_spec("axe_playwright_python")
    if package is None:
        pytest.skip("axe-core is not installed (axe-playwright-python, of the dev extra)")
    return (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page, impacts=GRAVE):
    """What axe-core finds on the page as it stands, one line for each element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    found = page.evaluate(_RUN)
    return [
        f"{each['impact']} {each['id']}: {node}"
        for each in found
        if each["impact"] in impacts
        for node in each["nodes"]
    ]
