"""Bring documents that live beside ``docs/`` into the site, and turn links between them into the site's own.

mkdocs calls ``on_files`` once and ``on_page_markdown`` for each page.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]

PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/results.md": "project/benchmarks.md",
    "data/starter/MODEL_CARD.md": "project/starter-encoder.md",
    "data/starter/CALIBRATION.md": "project/starter-calibration.md",
    "data/generator/MODEL_CARD.md": "project/starter-generator.md",
}
"""Documents of the repository, and where they stand in the site."""

_PLACE = {place: source for source, place in PAGES.items()}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the documents from outside."""
    for source, place in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_given: Any) -> str:
    """Lead links to where the site has what they name; what it has not becomes plain text."""
    place: str = page.file.src_uri
    source = _PLACE.get(place, f"docs/{place}")

    def led(match: re.Match[str]) -> str:
        picture, text, target, anchor = match[1], match[2], match[3], match[4] or ""
        if not target or target.startswith(("https://", "http://", "mailto:")):
            return match[0]
        found = _place_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
        if found is None:
            return match[0] if picture else text
        return f"{picture}[{text}]({posixpath.relpath(found, posixpath.dirname(place) or '.')}{anchor})"

    return _LINK.sub(led, markdown)


def _place_of(path: str) -> str | None:
    """Tell where in the site a path of the repository stands; None if it is not there."""
    if path in PAGES:
        return PAGES[path]
    if path == "docs/adr":
        return "adr/0001-four-top-level-packages.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else None
