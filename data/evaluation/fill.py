"""Measure the loop: of what a catalogue lacks, how much is made and verified, and is it right?

    python data/evaluation/fill.py DATA FOLDER --generator starter --sample data/local/collection

DATA holds fashion-dev.parquet; FOLDER keeps the collection made of it between runs. Each article type with at
least 10 pictures is asked for by its name twice: with its own pictures out of sight, when the loop should
make one; and with them, when it should not. SAMPLE, the collection of ``make demo``, is asked for types it
lacks. The judge (data/generator/judge.py) looks at what was kept.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "starter"))
sys.path.insert(0, str(Path(__file__).parents[1] / "generator"))
from judge import Judge, vote
from names import article_names

from generation import Blocked, FillOptions, FillReport, Generator, fill_gap, load_generator
from generation.framing import squared
from indexer import Collection, CollectionNotFound, discard, index_sources, load_encoder, open_source
from search import Query, Searcher, Words, find_calibration, parse_filter

LEAST = 10
# Types of the fashion set that the sample catalogue holds nothing of.
ABSENT = ("saree", "bra", "necktie", "kurta", "jeans", "earrings", "perfume", "trousers", "leggings", "scarf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One query and what came of it."""

    words: str
    type: str
    report: FillReport


class Loop:
    """Fills gaps of one collection, and takes away again what was made."""

    def __init__(self, collection: Collection, generator: Generator, options: FillOptions) -> None:
        encoder = load_encoder("starter")
        self.searcher = Searcher(collection, encoder, calibrated=find_calibration)
        self.generator = generator
        self.options = options

    def ask(self, words: str, name: str, *, without: str = "") -> Asked:
        """Ask for something; ``without`` is a filter."""
        condition = parse_filter(without) if without else None
        query = Query(terms=(Words(text=words),), text=words, condition=condition, where=without)
        try:
            report = fill_gap(self.searcher, self.generator, query, self.options)
        except Blocked:
            before = self.searcher.search(query).judgement
            assert before is not None
            return Asked(
                words=words, type=name, report=FillReport(query=query, before=before, outcome="blocked")
            )
        if report.kept:
            discard(self.searcher.collection, list(report.kept))
        return Asked(words=words, type=name, report=report)


def opened(data: Path, folder: Path) -> Collection:
    """Open the collection of fashion-dev, or make it."""
    try:
        return Collection.open(folder)
    except CollectionNotFound:
        encoder = load_encoder("starter")
        collection = Collection.create(folder, encoder)
        index_sources(collection, encoder, [open_source(data / "fashion-dev.parquet")])
        return collection


def told(name: str, asked: list[Asked]) -> dict[str, object]:
    """Count outcomes."""
    outcomes = Counter(each.report.outcome for each in asked)
    verdicts = Counter(each.report.before.verdict for each in asked)
    gaps = [each for each in asked if each.report.candidates]
    passing = [
        np.mean(
            [c.refused is None or c.refused.startswith("near copy of another") for c in g.report.candidates]
        )
        for g in gaps
    ]
    return {
        "case": name,
        "queries": len(asked),
        "verdict_before": dict(verdicts),
        "outcomes": dict(outcomes),
        "filled_share": outcomes["filled"] / len(asked),
        "filled_of_tried": outcomes["filled"] / max(1, len(gaps)),
        "candidates_passing": float(np.mean(passing)) if passing else 0.0,
        "refused": dict(Counter(_reason(c.refused) for g in gaps for c in g.report.candidates if c.refused)),
        "not_filled": sorted(each.words for each in asked if each.report.outcome != "filled"),
    }


def _reason(refused: str) -> str:
    return refused.split("(")[0].split(" of ")[0].strip()


def agreement(asked: list[Asked], data: Path) -> dict[str, object]:
    """Let the judge name what was kept: the first of each."""
    kept = [each for each in asked if each.report.kept]
    if not kept:
        return {"judged": 0}
    rows = pq.read_table(data / "fashion-dev.parquet", columns=["image", "articleType"]).to_pylist()
    real = [squared(squared(Image.open(io.BytesIO(r["image"])).convert("RGB"), 64), 256) for r in rows]
    judge = Judge()
    labels = np.array([row["articleType"] for row in rows])
    features = judge.features(real)
    pictures = [each.report.candidates[0].image for each in kept]
    found = vote(judge.features([p for p in pictures if p is not None]), features, labels)
    right = found == np.array([each.type for each in kept])
    named = {each.words: str(name) for each, name in zip(kept, found, strict=True)}
    return {"judged": len(kept), "agreement": float(right.mean()), "named": named}


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with fashion-dev.parquet")
    parser.add_argument("folder", type=Path, help="keeps the collection made of it")
    parser.add_argument("--generator", default="starter")
    parser.add_argument("--sample", type=Path, help="the collection of: make demo")
    parser.add_argument("-n", "--candidates", type=int, default=8)
    parser.add_argument("--weak", action="store_true", help="also fill where the verdict is weak")
    options = parser.parse_args()
    generator = load_generator(options.generator)
    wishes = FillOptions(candidates=options.candidates, weak=options.weak)
    loop = Loop(opened(options.data, options.folder), generator, wishes)
    types = pq.read_table(options.data / "fashion-dev.parquet", columns=["articleType"])[
        "articleType"
    ].to_pylist()
    common = sorted(name for name, count in Counter(types).items() if count >= LEAST)
    gaps = [loop.ask(article_names(n)[-1], n, without=f'not articleType="{n}"') for n in common]
    print(json.dumps(told("taken out", gaps)), flush=True)
    print(json.dumps(agreement(gaps, options.data)), flush=True)
    there = [loop.ask(article_names(name)[-1], name) for name in common]
    print(json.dumps(told("there", there)), flush=True)
    if options.sample:
        sample = Loop(Collection.open(options.sample), generator, wishes)
        print(json.dumps(told("sample", [sample.ask(words, words) for words in ABSENT])), flush=True)


if __name__ == "__main__":
    main()
