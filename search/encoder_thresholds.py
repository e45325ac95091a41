"""Numbers that were measured for an encoder, by the scripts in ``data/evaluation``.

``measured.json`` names encoders by the hash of their weights: a number that was measured with other weights
says nothing about these. After new weights, ``labels.py --write`` and ``duplicates.py`` measure again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from indexer import EncoderSpec

FILE = Path(__file__).with_name("measured.json")

_LABEL_SCALE = 100.0  # what CLIP models are trained up to (Radford et al. 2021), and open_clip's usual value
_NEAR_DUPLICATE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of an encoder.

    Attributes:
        label_scale: what cosines of a picture with labels are multiplied by before the softmax; the inverse
            of its temperature (Guo et al. 2017), fitted on labelled pictures.
        near_duplicate: the cosine from which two pictures count as copies of one another; 0.97 for the
            starter: of copies that lack 5 % at their borders it finds 98 % of product photos and 42 % of
            scenes, with 9 other pairs among 2,277 products and none among 1,000 scenes; copies of half the
            size or compressed anew lie farther off (docs/recommendation-and-tags.md).
        paraphrases: the mean of a short query's paraphrases finds more than the query as it was typed.
        is_measured: the numbers were measured for these weights, and are not general ones.
    """

    label_scale: float = _LABEL_SCALE
    near_duplicate: float = _NEAR_DUPLICATE
    paraphrases: bool = False
    is_measured: bool = False

    def __post_init__(self) -> None:
        if self.label_scale <= 0 or not 0 < self.near_duplicate <= 1:
            raise ValueError(f"not what can be measured of an encoder: {self}")


def measured(spec: EncoderSpec) -> Measured:
    """Look up what was measured for an encoder; general numbers for one that is not known."""
    return _all().get(spec.weights_sha256, Measured())


def near_duplicate_threshold(spec: EncoderSpec) -> float:
    """Give the cosine from which two pictures count as copies of one another, for an encoder."""
    return measured(spec).near_duplicate


@lru_cache(maxsize=1)
def _all() -> dict[str, Measured]:
    entries = json.loads(FILE.read_text(encoding="utf-8"))["encoders"]
    return {
        entry["weights_sha256"]: Measured(
            label_scale=entry["label_scale"],
            near_duplicate=entry["near_duplicate"],
            paraphrases=entry.get("paraphrases", False),
            is_measured=True,
        )
        for entry in entries
    }
