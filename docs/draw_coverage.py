"""Draw the plots of coverage.md, as SVG.

    python docs/draw_coverage.py docs/images

The first shows the spread that ships in the starter's calibration; the second the figures of its card, which
``data/starter/calibrate.py`` has measured. Nothing is drawn that does not stand in one of them.
"""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path

import numpy as np

from search.verdict.calibration import Calibration
from search.verdict.phrase_bank import PHRASES

ROOT = Path(__file__).parents[1]
CARD = ROOT / "data" / "starter" / "CALIBRATION.md"
ROWS = {
    "known:clothing": "clothes, taught",
    "known:fashion": "products, taught",
    "known:caltech101": "objects, taught",
    "new:caltech101": "objects, left out",
    "new:tiny-imagenet": "animals and things, left out",
    "new:clothing": "clothes, left out",
    "new:fruitveg": "fruit and vegetables, left out",
    "new:sweethome3d": "furniture, left out",
    "new:fashion": "products, left out",
}
METHODS = (("coverage", "#0f766e"), ("best raw cosine", "#94a3b8"))
STYLE = "font-family='system-ui, sans-serif' font-size='13' fill='#475569'"
CHANCE = 3.09  # deviations that one unrelated picture in a thousand exceeds, if scores are spread normally


def svg(width: int, height: int, title: str, parts: list[str]) -> str:
    """Put a picture together; the title is what a screen reader says."""
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img'>"
    ground = f"<rect width='{width}' height='{height}' fill='#ffffff' rx='8'/>"
    return f"{head}<title>{escape(title)}</title>{ground}<g {STYLE}>{''.join(parts)}</g></svg>\n"


def text(x: float, y: float, words: str, *, anchor: str = "start", more: str = "") -> str:
    """Write words."""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' {more}>{escape(words)}</text>"


def bar(x: float, y: float, size: tuple[float, float], colour: str) -> str:
    """Draw a bar."""
    return f"<rect x='{x:.1f}' y='{y:.1f}' width='{size[0]:.1f}' height='{size[1]:.1f}' fill='{colour}'/>"


def chance_levels() -> np.ndarray:
    """Give, for each phrase of the bank, the cosine that one unrelated picture in a thousand exceeds."""
    [path] = (ROOT / "search" / "calibrations").glob("*.safetensors")
    means, deviations = Calibration.load(path).bank.levels["image"]
    levels: np.ndarray = (means + CHANCE * deviations)[: len(PHRASES)]
    return levels


def draw_chance() -> str:
    """Draw how the level of chance differs from phrase to phrase."""
    levels = chance_levels()
    counts, edges = np.histogram(levels, bins=32)
    left, bottom, wide, tall = 40.0, 250.0, 660.0, 190.0
    step = wide / len(counts)
    parts = [
        bar(
            left + i * step,
            bottom - tall * n / counts.max(),
            (step - 1.5, tall * n / counts.max()),
            "#0f766e",
        )
        for i, n in enumerate(counts)
    ]

    def at(value: float) -> float:
        return left + wide * (value - edges[0]) / (edges[-1] - edges[0])

    low, high = int(levels.argmin()), int(levels.argmax())
    for value in np.arange(np.ceil(edges[0] * 20) / 20, edges[-1], 0.05):
        parts.append(text(at(value), bottom + 20, f"{value:.2f}", anchor="middle"))
    parts += [
        text(
            left, 28, "Cosine that 1 unrelated picture in 1,000 reaches by chance,", more="font-weight='600'"
        ),
        text(left, 46, f"for each of the {len(levels)} phrases of the starter's bank"),
        text(left, bottom + 42, f"lowest {levels[low]:.2f}: {PHRASES[low]!r}"),
        text(left + wide, bottom + 42, f"highest {levels[high]:.2f}: {PHRASES[high]!r}", anchor="end"),
    ]
    return svg(740, 310, "How the level of chance differs from phrase to phrase", parts)


def figures() -> dict[str, list[float]]:
    """Read the AUROC of both methods from the card."""
    found = {}
    for line in CARD.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 9 and cells[0] in ROWS:
            found[ROWS[cells[0]]] = [float(each) for each in re.findall(r"[\d.]+", cells[2])]
    return {name: found[name] for name in ROWS.values() if name in found}


def draw_figures() -> str:
    """Draw how well two ways of saying "no match" tell apart what is there and what is not."""
    found = figures()
    left, wide, high = 250.0, 400.0, 52.0
    parts = [
        text(24, 28, "How often what is there scores above what is not (AUROC)", more="font-weight='600'"),
        text(24, 46, "by kinds of pictures, taught to the encoder or left out; a half is chance"),
    ]
    for place, (method, colour) in enumerate(METHODS):
        parts += [bar(24 + 180 * place, 60, (12, 12), colour), text(42 + 180 * place, 71, method)]
    for row, (name, areas) in enumerate(found.items()):
        top = 92 + row * high
        parts.append(text(left - 12, top + 24, name, anchor="end"))
        for place, (value, (_, colour)) in enumerate(zip(areas, METHODS, strict=True)):
            length = wide * (value - 0.5) / 0.5
            parts.append(bar(left, top + 14 * place, (length, 12), colour))
            parts.append(text(left + length + 6, top + 14 * place + 11, f"{value:.2f}"))
    return svg(740, round(100 + high * len(found)), "AUROC of coverage and of the best raw cosine", parts)


def main() -> None:
    """Draw both."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("images")
    (folder / "chance.svg").write_text(draw_chance(), encoding="utf-8")
    (folder / "coverage.svg").write_text(draw_figures(), encoding="utf-8")


if __name__ == "__main__":
    main()
