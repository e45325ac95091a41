"""Figures of small spaces, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from search import evaluate_dataset, open_dataset
from search.evaluation.figures import (
    LABEL_JUDGES,
    Captioned,
    Labelled,
    caption_figures,
    coverage_figures,
    index_figures,
    label_figures,
    zero_shot_figures,
)
from search.verdict.calibration import Calibration
from search.verdict.fit import fit_models
from search.verdict.leave_one_out import Sought, observe
from search.verdict.signals import Bank, Null
from tests.colour_encoder import ColourEncoder
from tests.dataset_files import KINDS, colour_rows, write_parquet


def unit(rows):
    found = np.array(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def values(figures):
    return {figure.name: figure.value for figure in figures}


def test_retrieval_both_ways_by_hand():
    pictures = unit([[1, 0, 0], [0, 1, 0], [0.1, 0, 1]])
    texts = unit([[1, 0.1, 0], [0.9, 1, 0], [0.2, 1, 0.1]])
    # the first text goes with the first two pictures, the second with the third only, the third with none
    data = Captioned(
        group="captions", pictures=pictures, texts=texts, pairs=np.array([[0, 0], [0, 1], [1, 2]])
    )
    found = values(caption_figures(data))
    assert found["text_to_image_recall_at_1"] == pytest.approx(2 / 3)  # the second text ranks its own third
    assert found["text_to_image_recall_at_5"] == 1
    assert found["text_to_image_median_rank"] == 1
    # the first picture: its text first; the second: third, after two others; the third: its text is last
    assert found["image_to_text_recall_at_1"] == pytest.approx(1 / 3)
    assert found["image_to_text_median_rank"] == 3


def test_pictures_of_one_title_are_right_answers_of_each_other():
    pictures = unit([[1, 0], [0.9, 0.1], [0, 1]])
    texts = unit([[0.5, 0.1], [0, 1]])
    data = Captioned(group="title", pictures=pictures, texts=texts, pairs=np.array([[0, 0], [0, 1], [1, 2]]))
    found = caption_figures(data)
    assert values(found)["text_to_image_recall_at_1"] == 1
    assert values(found)["image_to_text_recall_at_1"] == 1
    assert {figure.samples for figure in found} == {3}
    assert all(figure.interval.low <= figure.value <= figure.interval.high for figure in found)


def test_a_picture_is_found_by_any_of_its_captions():
    pictures = unit([[1, 0], [0, 1]])
    texts = unit(
        [[1, 0.1], [0.1, 1], [1, 0.2], [0, 1]]
    )  # the second caption of the first is about the second
    data = Captioned(
        group="captions", pictures=pictures, texts=texts, pairs=np.array([[0, 0], [1, 0], [2, 1], [3, 1]])
    )
    found = values(caption_figures(data))
    assert found["text_to_image_recall_at_1"] == 0.5
    assert found["image_to_text_recall_at_1"] == 1


AXES = {"one": [1, 0, 0], "two": [0, 1, 0], "three": [0, 0, 1], "a two": [0, 1, 1], "a three": [0, 0, 1]}


def labelled(names=("one", "two", "three"), **options):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 4)
    return Labelled(
        pictures=unit(np.eye(3)[labels] + rng.normal(0, 0.05, (12, 3))),
        labels=labels,
        names=names,
        encode_texts=lambda texts: unit([AXES.get(text, [1, 0, 0]) for text in texts]),
        **options,
    )


def test_labels_that_are_words_are_recognised_and_neighbours_agree():
    assert values(label_figures(labelled())) == {
        "zero_shot_top_1": 1,
        "knn_1_accuracy": 1,
        "knn_5_accuracy": 0.0 + values(label_figures(labelled()))["knn_5_accuracy"],
    }
    swapped = labelled(names=("two", "one", "three"))
    assert values(zero_shot_figures(swapped))["zero_shot_top_1"] == pytest.approx(1 / 3)


def test_templates_are_averaged():
    alone = values(zero_shot_figures(labelled(templates=("a {}",))))["zero_shot_top_1"]
    assert alone == 1
    both = zero_shot_figures(labelled(templates=("{}", "a {}")))
    assert values(both)["zero_shot_top_1"] == 1
    with pytest.raises(ValueError, match="place"):
        labelled(templates=("no place",))


def test_numbers_are_no_words():
    assert zero_shot_figures(labelled(names=("1", "2", "3"))) == []
    assert {judge.__name__ for judge in LABEL_JUDGES} >= {
        "zero_shot_figures",
        "knn_figures",
        "coverage_figures",
    }


def test_the_index_of_collections_agrees_with_the_exact_one():
    rng = np.random.default_rng(0)
    found = index_figures(unit(rng.normal(size=(500, 16))), unit(rng.normal(size=(450, 16))))
    by_name = {figure.name: figure for figure in found}
    assert by_name["recall_at_10_against_exact"].value == 1
    assert by_name["recall_at_10_against_exact"].samples == 150
    assert by_name["bytes_per_vector"].value == 32
    assert 0 < by_name["search_ms_per_query"].value < 100


# -- coverage ------------------------------------------------------------------------------------------

DIM, KINDS_HERE, EACH = 24, 30, 12


def clusters(seed, kinds=KINDS_HERE, each=EACH):
    """Queries, and pictures around them."""
    rng = np.random.default_rng(seed)
    queries = unit(rng.normal(size=(kinds, DIM)))
    labels = np.repeat(np.arange(kinds), each)
    return queries, unit(queries[labels] + 0.25 * rng.normal(size=(len(labels), DIM))), labels


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(1)
    null = Null.of(unit(rng.normal(size=(300, DIM))))
    bank = Bank.of(unit(rng.normal(size=(80, DIM))), {"image": null, "text": null})
    queries, pictures, labels = clusters(2)
    sought = [
        Sought(concept=f"c{i}", asked="phrase", query=queries[i], answers=labels == i)
        for i in range(len(queries))
    ]
    seen = [one for seed in range(6) for one in observe(bank, "image", pictures, sought, seed=seed)]
    fitted = fit_models(seen)
    return Calibration(
        weights_sha256="w",
        bank=bank,
        hits=fitted.hits,
        shares=fitted.shares,
        coverage=fitted.coverage,
        order=fitted.order,
    )


def to_ask(calibration, *, queries=None, seed=7, **options):
    right, pictures, labels = clusters(seed)
    asked = right if queries is None else queries
    names = tuple(f"kind k{i}" for i in range(KINDS_HERE))
    return Labelled(
        pictures=pictures,
        labels=labels,
        names=names,
        encode_texts=lambda texts: asked[[names.index(text) for text in texts]],
        calibration=calibration,
        **options,
    )


def test_verdicts_are_judged_on_labels_that_are_taken_out(calibration):
    found = {figure.name: figure for figure in coverage_figures(to_ask(calibration))}
    assert list(found) == [
        "auroc",
        "false_accepts_at_95_recall",
        "calibration_error",
        "score_auroc",
        "score_false_accepts_at_95_recall",
    ]
    for figure in found.values():
        assert (figure.group, figure.unit, figure.samples) == ("coverage", "share", 2 * KINDS_HERE)
        assert figure.interval.low <= figure.value <= figure.interval.high
    assert found["auroc"].value > 0.95
    assert found["false_accepts_at_95_recall"].value < 0.2


def test_the_score_beside_it_is_that_of_the_best_hit_with_and_without(calibration):
    data = to_ask(calibration)
    queries = data.encode_texts(data.names)
    scores = data.pictures @ queries.T  # (n, labels)
    own = data.labels[:, None] == np.arange(KINDS_HERE)
    there, away = scores.max(0), np.where(own, -1, scores).max(0)
    present = np.repeat([True, False], KINDS_HERE)
    expected = roc_auc_score(present, np.concatenate([there, away]))
    found = values(coverage_figures(data))
    assert found["score_auroc"] == pytest.approx(expected, abs=1e-6)


def test_names_that_say_nothing_give_a_verdict_no_better_than_chance(calibration):
    blind = unit(np.random.default_rng(3).normal(size=(KINDS_HERE, DIM)))
    found = values(coverage_figures(to_ask(calibration, queries=blind)))
    assert abs(found["auroc"] - 0.5) < 0.15


def test_verdicts_need_a_calibration_and_enough_labels(calibration):
    assert coverage_figures(to_ask(None)) == []
    data = to_ask(calibration)
    assert len(data.askable) == KINDS_HERE
    for unfit in (
        replace(data, pictures=data.pictures[: 4 * EACH], labels=data.labels[: 4 * EACH]),  # four labels
        replace(data, pictures=data.pictures[::3], labels=data.labels[::3]),  # four pictures each
        replace(data, names=tuple(str(i) for i in range(KINDS_HERE))),
    ):
        assert unfit.askable == ()
        assert coverage_figures(unfit) == []
    five = replace(data, pictures=data.pictures[: 5 * EACH], labels=data.labels[: 5 * EACH])
    assert len(coverage_figures(five)) == 5


def test_an_encoder_without_a_shipped_calibration_gets_a_note(tmp_path):
    path = write_parquet(tmp_path / "d.parquet", colour_rows(each=5), names=KINDS)
    report = evaluate_dataset(ColourEncoder(), open_dataset(path))
    assert report.notes == ("No calibration is shipped for colours: no coverage figures.",)
    assert "coverage" not in {figure.group for figure in report.figures}
