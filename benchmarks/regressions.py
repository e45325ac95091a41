"""Compare fresh tables of benchmarks with those in results.md, as ratios.

    make bench | tee fresh.txt; python benchmarks/regressions.py fresh.txt

Tables are matched by their heading, rows by their first cell. For every number that both have, the ratio of
fresh to recorded is told where it is off by more than a quarter; on a shared machine two runs differ by that
much, so look at whole tables and not at single cells.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

NOTABLE = 1.25
RESULTS = Path(__file__).with_name("results.md")

Table = dict[str, list[str]]


def tables(text: str) -> dict[tuple[str, ...], Table]:
    """Read all Markdown tables: by heading, the cells of each row by its first cell."""
    found: dict[tuple[str, ...], Table] = {}
    heading: tuple[str, ...] | None = None
    for line in text.splitlines():
        if not line.startswith("|"):
            heading = None
            continue
        cells = [cell.strip() for cell in line.strip("| \n").split("|")]
        if set("".join(cells)) <= set("-: "):
            continue
        if heading is None:
            heading = tuple(cells)
            found.setdefault(heading, {})
        else:
            found[heading][cells[0]] = cells[1:]
    return found


def number(cell: str) -> float | None:
    """Read a cell that is a number, such as ``1,234.5``."""
    plain = cell.replace(",", "")
    return float(plain) if re.fullmatch(r"-?\d+(\.\d+)?", plain) else None


def ratios(fresh: str, recorded: str) -> Iterator[tuple[str, str, float]]:
    """Give row, column and ratio of every number that both have."""
    before = tables(recorded)
    for heading, rows in tables(fresh).items():
        known = before.get(heading, {})
        for name, cells in rows.items():
            for column, now, then in zip(heading[1:], cells, known.get(name, []), strict=False):
                new, old = number(now), number(then)
                if new is not None and old:
                    yield name, column, new / old


def main() -> None:
    """Print what is notable."""
    compared = list(
        ratios(Path(sys.argv[1]).read_text(encoding="utf-8"), RESULTS.read_text(encoding="utf-8"))
    )
    if not compared:
        sys.exit(f"No table in {sys.argv[1]} has the heading of one in {RESULTS}.")
    print(f"{len(compared)} numbers compared.\n\n| row | column | fresh / recorded |\n|---|---|---|")
    for row, column, ratio in compared:
        if not 1 / NOTABLE <= ratio <= NOTABLE:
            print(f"| {row} | {column} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
