"""Fit the temperature of zero-shot labels, and check that the probabilities are calibrated.

    python data/evaluation/labels.py DATA CACHE [--write]

Fitted on article types of training photos; judged on the development photos, on the clothing set, and on
random short lists of article types, with and without "none of these".
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pictures

from indexer import Embeddings, Encoder, load_encoder
from search.encoder_thresholds import FILE
from search.evaluation.verdict_metrics import calibration_error
from search.labels import BACKGROUND, class_embeddings, probabilities

_TRAINING = 1_500
_SCALES = np.geomspace(3, 300, 400)


def numbered(names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Give the different names in alphabetical order, and the (n,) number of each."""
    kinds = sorted(set(names))
    return [kind.lower() for kind in kinds], np.array([kinds.index(name) for name in names])


def fit(rows: Embeddings, classes: Embeddings, answers: np.ndarray) -> float:
    """Find the scale of the least negative log-likelihood."""
    own = np.arange(len(answers))

    def loss(scale: float) -> float:
        return float(-np.log(probabilities(rows, classes, scale)[own, answers] + 1e-12).mean())

    return round(float(min(_SCALES, key=loss)), 1)


def judge(name: str, found: np.ndarray, answers: np.ndarray) -> None:
    """Print accuracy and calibration error of (n, classes) probabilities."""
    right = found.argmax(axis=1) == answers
    error = calibration_error(found.max(axis=1).clip(0, 1), right)
    print(f"{name:44} accuracy {right.mean():.3f}  ECE {error:.3f}  n {len(answers)}")


def short_lists(
    rows: Embeddings, classes: Embeddings, answers: np.ndarray, beside: Embeddings, scale: float
) -> None:
    """Print the figures for random lists of labels, and whether "none of these" tells who is not in them."""
    rng = np.random.default_rng(0)
    for count in (3, 5, 10, 30):
        every, truths, inside, outside = [], [], [], []
        for _ in range(20):
            chosen = rng.choice(len(classes), count, replace=False)
            of_list = np.isin(answers, chosen)
            found = probabilities(rows, np.concatenate([classes[chosen], beside]), scale)
            none = found[:, count:].sum(axis=1)
            inside.append(none[of_list])
            outside.append(none[~of_list])
            every.append(found[of_list].max(axis=1))
            truths.append(chosen[found[of_list, :count].argmax(axis=1)] == answers[of_list])
        right, sure = np.concatenate(truths), np.concatenate(every).clip(0, 1)
        inner, outer = np.sort(np.concatenate(inside)), np.concatenate(outside)
        auroc = np.searchsorted(inner, outer).mean() / len(inner)
        print(
            f"{count:3} labels of articleType, none beside them     accuracy {right.mean():.3f}  "
            f"ECE {calibration_error(sure, right):.3f}  n {len(right)}  P(none) {inner.mean():.3f} if there, "
            f"{outer.mean():.3f} if not, AUROC {auroc:.3f}"
        )


def write(encoder: Encoder, scale: float) -> None:
    """Put the scale into search/measured.json, under the encoder's weights."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    others = [entry for entry in content["encoders"] if entry["name"] != encoder.spec.name]
    (own,) = [entry for entry in content["encoders"] if entry["name"] == encoder.spec.name]
    own |= {"weights_sha256": encoder.spec.weights_sha256, "label_scale": scale}
    FILE.write_text(json.dumps({"encoders": [own, *others]}, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Fit, judge, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the Parquet files")
    parser.add_argument("cache", type=Path, help="folder for the embeddings, of one encoder")
    parser.add_argument("--write", action="store_true", help="keep the scale in search/measured.json")
    arguments = parser.parse_args()
    encoder = load_encoder("starter")

    def embedded(name: str, table: dict[str, list], label: str, rows: Sequence[int]) -> tuple:
        chosen = [table["image"][row] for row in rows]
        kinds, answers = numbered([table[label][row] for row in rows])
        return (
            pictures.embed(arguments.cache, name, encoder, chosen),
            class_embeddings(encoder, kinds),
            answers,
        )

    train = pictures.read(arguments.data, "fashion-train", ["articleType", "image"])
    sample = np.random.default_rng(0).permutation(len(train["image"]))[:_TRAINING].tolist()
    fitted_on = embedded(f"fashion-train-{_TRAINING}", train, "articleType", sample)
    scale = fit(*fitted_on)
    print(f"scale {scale}")
    dev = pictures.read(arguments.data, "fashion-dev", ["articleType", "image"])
    worn = pictures.read(arguments.data, "clothing-train", ["file", "label", "image"])
    held_out = [row for row, file in enumerate(worn["file"]) if pictures.is_held_out(file)]
    rows, classes, answers = embedded("fashion-dev", dev, "articleType", range(len(dev["image"])))
    clothes = embedded("clothing-held-out", worn, "label", held_out)
    beside = encoder.encode_texts(BACKGROUND)
    for name, (r, c, a) in (
        ("fashion-dev, all articleTypes", (rows, classes, answers)),
        ("clothing, 10 kinds", clothes),
    ):
        judge(name, probabilities(r, c, scale), a)
        judge(f"{name}, scale 100", probabilities(r, c, 100.0), a)
        judge(f"{name}, none beside", probabilities(r, np.concatenate([c, beside]), scale), a)
    short_lists(rows, classes, answers, beside, scale)
    if arguments.write:
        write(encoder, scale)


if __name__ == "__main__":
    main()
