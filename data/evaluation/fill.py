"""Measure the loop: of what a catalogue lacks, how much is made and verified, and is it right?

    python data/evaluation/fill.py DATA FOLDER --generator starter --sample data/local/collection

DATA holds fashion-dev.parquet; FOLDER keeps the collection made of it between runs. Each article type with at
least 10 pictures is asked for by its name twice: with its own pictures out of sight, when the loop should
make one; and with them, when it should not. Things that no fashion shop sells are asked for as well: nothing
made for them should pass. SAMPLE, the collection of ``make demo``, is asked for types it lacks. The judge
(data/generator/judge.py) looks at everything that was made.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "starter"))
sys.path.insert(0, str(Path(__file__).parents[1] / "generator"))
from judge import Judge, Shop, alike, vote
from names import article_names

from generation import Blocked, Candidate, FillOptions, FillReport, Generator, fill_gap, load_generator
from indexer import Collection, CollectionNotFound, discard, index_sources, load_encoder, open_source
from search import Query, Searcher, Words, find_calibration, parse_filter

LEAST = 10
# What neither the shop nor its generator has ever seen; and types that the sample catalogue holds nothing of.
UNKNOWN = (
    "tractor",
    "violin",
    "lighthouse",
    "pizza",
    "a horse",
    "bicycle",
    "sofa",
    "laptop",
    "teapot",
    "bus",
)
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
    passing = [np.mean([_passes(each) for each in gap.report.candidates]) for gap in gaps]
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


class Judged:
    """What the judge says of every picture that was made for the types of the shop."""

    def __init__(self, gaps: Sequence[Asked], data: Path) -> None:
        self.shop = Shop(data, judge := Judge())
        self.gaps = [gap for gap in gaps if any(each.image is not None for each in gap.report.candidates)]
        pictures = [each.image for gap in self.gaps for each in self.seen(gap)]
        self.features = judge.features([picture for picture in pictures if picture is not None])
        self.named = vote(self.features, self.shop.features, self.shop.types)
        self.asked = np.array([gap.type for gap in self.gaps for _ in self.seen(gap)])

    @staticmethod
    def seen(gap: Asked) -> list[Candidate]:
        """Give the candidates that have a picture."""
        return [each for each in gap.report.candidates if each.image is not None]

    def told(self) -> dict[str, object]:
        """Say how right the pictures are: all of them, and those that were verified.

        The generator *knows* a type if the judge finds it in at least half of the pictures made for it.
        """
        right = self.named == self.asked
        passing = np.array([_passes(each) for gap in self.gaps for each in self.seen(gap)])
        by_type = {gap.type: right[self.asked == gap.type] for gap in self.gaps}
        known = {name for name, found in by_type.items() if found.mean() >= 0.5}
        filled = {gap.type for gap in self.gaps if gap.report.outcome == "filled"}
        best = [(gap.type, self.named[self.asked == gap.type][0]) for gap in self.gaps if gap.type in filled]
        spreads = {name: alike(self.features[self.asked == name]) for name in by_type}
        real = {name: alike(self.shop.features[self.shop.types == name]) for name in by_type}
        return {
            "pictures": len(right),
            "right": float(right.mean()),
            "right_of_verified": float(right[passing].mean()) if passing.any() else None,
            "verified_of_right": float(passing[right].mean()) if right.any() else None,
            "kept": len(best),
            "kept_right": float(np.mean([asked == found for asked, found in best])) if best else None,
            "known_types": len(known),
            "known_and_filled": len(known & filled),
            "known_not_filled": sorted(known - filled),
            "kept_wrong": {asked: str(found) for asked, found in best if asked != found},
            "alike": float(np.mean(list(spreads.values()))),
            "alike_real": float(np.mean(list(real.values()))),
            "most_alike": max(spreads, key=lambda name: spreads[name] - real[name]),
        }

    def write(self, path: Path) -> None:
        """Write one line for each picture."""
        numbers = iter(range(len(self.named)))
        lines = [
            json.dumps(
                {
                    "asked": gap.words,
                    "before": gap.report.before.verdict,
                    "probability": each.probability,
                    "coverage": each.verification.coverage if each.verification else None,
                    "evidence": each.verification.evidence if each.verification else None,
                    "resembled": each.verification.resembled if each.verification else None,
                    "refused": each.refused,
                    "right": bool(self.named[place := next(numbers)] == gap.type),
                    "named": str(self.named[place]),
                }
            )
            for gap in self.gaps
            for each in self.seen(gap)
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _passes(candidate: Candidate) -> bool:
    return candidate.refused is None or candidate.refused.startswith("near copy of another")


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with fashion-dev.parquet")
    parser.add_argument("folder", type=Path, help="keeps the collection made of it")
    parser.add_argument("--generator", default="starter")
    parser.add_argument("--sample", type=Path, help="the collection of: make demo")
    parser.add_argument("-n", "--candidates", type=int, default=8)
    parser.add_argument("--steps", type=int, help="of the generator; its own by default")
    parser.add_argument("--style-weight", type=float, help="of the nearest misses; its own by default")
    parser.add_argument("--weak", action="store_true", help="also fill where the verdict is weak")
    parser.add_argument("--pictures", type=Path, metavar="FILE", help="write a line for each picture (JSONL)")
    options = parser.parse_args()
    generator = load_generator(options.generator)
    wishes = FillOptions(
        candidates=options.candidates,
        weak=options.weak,
        steps=options.steps,
        style_weight=options.style_weight,
    )
    loop = Loop(opened(options.data, options.folder), generator, wishes)
    types = pq.read_table(options.data / "fashion-dev.parquet", columns=["articleType"])[
        "articleType"
    ].to_pylist()
    common = sorted(name for name, count in Counter(types).items() if count >= LEAST)
    gaps = [loop.ask(article_names(n)[-1], n, without=f'not articleType="{n}"') for n in common]
    print(json.dumps(told("taken out", gaps)), flush=True)
    judged = Judged(gaps, options.data)
    print(json.dumps(judged.told()), flush=True)
    if options.pictures:
        judged.write(options.pictures)
    there = [loop.ask(article_names(name)[-1], name) for name in common]
    print(json.dumps(told("there", there)), flush=True)
    print(json.dumps(told("unknown to it", [loop.ask(words, words) for words in UNKNOWN])), flush=True)
    if options.sample:
        sample = Loop(Collection.open(options.sample), generator, wishes)
        print(json.dumps(told("sample", [sample.ask(words, words) for words in ABSENT])), flush=True)


if __name__ == "__main__":
    main()
