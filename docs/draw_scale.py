"""Draw the plots of scale.md, as SVG, from the table of benchmarks/size_curve.py in benchmarks/results.md.

    python docs/draw_scale.py docs/images

Nothing is drawn that does not stand there.
"""

from __future__ import annotations

import math
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLOURS = ("#0f766e", "#2563eb", "#b45309")
_SHARED = runpy.run_path(str(Path(__file__).with_name("draw_coverage.py")))
svg, text = _SHARED["svg"], _SHARED["text"]
LEFT, TOP, WIDE, TALL, LINE = 70.0, 50.0, 560.0, 220.0, 16.0

Point = tuple[float, float]


def rows() -> list[list[float]]:
    """Read the table: sizes, and what was measured at each."""
    lines = (ROOT / "benchmarks" / "results.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| items | look-up ms |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([float(cell.replace(",", "")) for cell in line.strip("| ").split("|")])
    return found


def place(value: float, low: float, high: float) -> float:
    """Tell where a value lies between two, by its logarithm."""
    return (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))


def curve(points: Sequence[Point], colour: str) -> str:
    """Draw one measured quantity."""
    path = " ".join(f"{'L' if i else 'M'}{x:.1f},{y:.1f}" for i, (x, y) in enumerate(points))
    dots = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{colour}'/>" for x, y in points)
    return f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='2'/>{dots}"


def labels(ends: Sequence[tuple[float, float, str, str]]) -> list[str]:
    """Write names at the ends of curves (x, y, name, colour), from below, none over another."""
    written, last = [], float("inf")
    for x, y, name, colour in sorted(ends, key=lambda end: -end[1]):
        last = min(y, last - LINE)
        written.append(text(x + 10, last + 4, name, more=f"style='fill:{colour}'"))
    return written


def draw(title: str, names: Sequence[str], columns: Sequence[int], unit: str) -> str:
    """Draw columns of the table against the number of items, both by their logarithms."""
    table = rows()
    sizes = [row[0] for row in table]
    values = [row[column] for row in table for column in columns]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    parts = [text(LEFT - 50, 28, title, more="font-weight='600'")]
    for size in sizes:
        x = LEFT + WIDE * place(size, sizes[0], sizes[-1])
        parts.append(text(x, TOP + TALL + 22, f"{size:,.0f}", anchor="middle"))
    level = low
    while level <= high:
        y = TOP + TALL * (1 - place(level, low, high))
        parts.append(f"<path d='M{LEFT},{y:.1f}h{WIDE}' stroke='#e2e8f0'/>")
        parts.append(text(LEFT - 8, y + 4, f"{level:,g} {unit}", anchor="end"))
        level *= 10
    ends: list[tuple[float, float, str, str]] = []
    for column, colour, name in zip(columns, COLOURS, names, strict=False):
        points = [
            (
                LEFT + WIDE * place(row[0], sizes[0], sizes[-1]),
                TOP + TALL * (1 - place(row[column], low, high)),
            )
            for row in table
        ]
        parts.append(curve(points, colour))
        ends.append((*points[-1], name, colour))
    parts += labels(ends)
    return str(svg(790, 320, title, parts))


def main() -> None:
    """Draw both."""
    folder = Path(sys.argv[1])
    names = ("one look-up", "a whole search", "with a filter")
    drawn = draw("What a search costs, without the model", names, (1, 2, 3), "ms")
    (folder / "scale-time.svg").write_text(drawn, encoding="utf-8")
    drawn = draw("What an item takes", ("the index", "its row"), (6, 7), "B")
    (folder / "scale-bytes.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
