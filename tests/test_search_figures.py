"""Figures of small spaces, worked out by hand."""

import numpy as np
import pytest

from search.figures import (
    LABEL_JUDGES,
    Captioned,
    Labelled,
    caption_figures,
    index_figures,
    label_figures,
    zero_shot_figures,
)


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
    assert {judge.__name__ for judge in LABEL_JUDGES} >= {"zero_shot_figures", "knn_figures"}


def test_the_index_of_collections_agrees_with_the_exact_one():
    rng = np.random.default_rng(0)
    found = index_figures(unit(rng.normal(size=(500, 16))), unit(rng.normal(size=(450, 16))))
    by_name = {figure.name: figure for figure in found}
    assert by_name["recall_at_10_against_exact"].value == 1
    assert by_name["recall_at_10_against_exact"].samples == 150
    assert by_name["bytes_per_vector"].value == 32
    assert 0 < by_name["search_ms_per_query"].value < 100
