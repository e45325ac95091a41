"""Fit and judge the starter's calibration: P(anything here answers the query), P(this hit does).

    python data/starter/calibrate.py DATA CACHE OBSERVED... --heads HEADS

OBSERVED are the files of ``observe.py``, one for each group of sources that was left out of training. Names
of
things are judged by domains left out: the model that judges a domain, on pictures that no encoder was trained
    on,
never saw an episode of it. All other ways to ask are fitted on development pictures. Prints the tables of the
card and writes the calibration beside the shipped ones.
"""

from __future__ import annotations

import argparse
import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import texts
import torch
from domains import Asked
from embedded import Embedded, load_heads
from judged import DRAWN, bars_for, report
from landmarks import bank_of
from questions import other_observations

import search
from indexer import load_encoder
from indexer.encoders.starter import weights as starter_weights
from search.verdict.calibration import Calibration
from search.verdict.fit import fit_models
from search.verdict.leave_one_out import Observation

PARTS = 8  # of all domains, each left out in turn


def base_of(one: Asked) -> str:
    """Name the source of a domain, whether the encoder was trained on it or not."""
    return one.observation.domain.partition(":")[2]


def photos(asked: Sequence[Asked]) -> list[Observation]:
    """Give what was observed on photos: drawings teach a verdict little that holds for those."""
    return [one.observation for one in asked if not one.observation.domain.endswith(DRAWN)]


def judge_left_out(asked: Sequence[Asked]) -> np.ndarray:
    """Give each query's coverage (n,) by a model that never saw its domain."""
    parts = np.array([zlib.crc32(base_of(one).encode()) % PARTS for one in asked])
    coverage = np.zeros(len(asked), np.float32)
    for part in np.unique(parts):
        inside = photos([one for one, own in zip(asked, parts, strict=True) if own != part])
        model = fit_models(inside).coverage["phrase", "image"]
        outside = np.flatnonzero(parts == part)
        coverage[outside] = model.probability(np.stack([asked[i].observation.coverage for i in outside]))
    return coverage


def main() -> None:
    """Fit, judge, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("observed", type=Path, nargs="+")
    parser.add_argument("--heads", type=Path, default=starter_weights.HEADS_FILE)
    parser.add_argument("--out", type=Path, default=Path(search.__file__).with_name("calibrations"))
    parser.add_argument("--judge-only", action="store_true", help="print the tables, and write nothing")
    o = parser.parse_args()
    torch.set_num_threads(1)
    asked: list[Asked] = [one for path in o.observed for one in pickle.loads(path.read_bytes())]  # noqa: S301 - our own
    coverage = judge_left_out(asked)
    bars = bars_for(asked, coverage)
    report(asked, coverage, bars)
    if o.judge_only:
        return
    embedded = Embedded(o.cache, load_heads(o.heads), texts.packaged(o.cache))
    bank = bank_of(o.data, embedded, None)
    seen = photos(asked)
    seen += other_observations(o.data, embedded, bank)
    fitted = fit_models(seen)
    weights = load_encoder("starter").spec.weights_sha256
    o.out.mkdir(exist_ok=True)
    Calibration(
        weights_sha256=weights,
        bank=bank,
        hits=fitted.hits,
        shares=fitted.shares,
        coverage=fitted.coverage,
        order=fitted.order,
        bars=bars,
        source="domains left out of training, fashion products, Flickr8k (data/starter/CALIBRATION.md)",
    ).save(o.out / f"{weights[:16]}.safetensors")


if __name__ == "__main__":
    main()
