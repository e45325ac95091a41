"""Zero-shot labels: the right one, probabilities that add up, tags, and what cannot be labelled."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import EncoderDrift, ItemNotFound, load_encoder
from search import BadLabels, label_items, store_labels
from search.encoder_thresholds import FILE, Measured, measured
from search.labels import TEMPLATES, class_embeddings, probabilities, with_article
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures

COLOURS = ["red", "green", "blue", "yellow", "black", "white"]


@pytest.fixture
def filled(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 14)
    index(tmp_path / "photos")
    return collection


def test_the_likeliest_label_is_the_right_one(filled, encoder):
    found = label_items(filled, encoder, COLOURS)
    assert [item.item_id for item in found.items] == list(range(1, 15))
    for labelled in found.items:
        title = filled.item(labelled.item_id).title
        if "grey" not in title:
            assert labelled.labels[0].label in title
    assert (found.model, found.is_calibrated) == ("colours", False)


@pytest.mark.parametrize("none", [True, False])
def test_probabilities_add_up_and_are_in_order(filled, encoder, none):
    for item in label_items(filled, encoder, COLOURS, none=none).items:
        chances = [each.probability for each in item.labels]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) + item.none == pytest.approx(1)
        assert (item.none > 0) == none


def test_only_the_items_asked_for_are_labelled_in_their_order(filled, encoder):
    assert [item.item_id for item in label_items(filled, encoder, ["red"], [9, 2]).items] == [9, 2]
    assert label_items(filled, encoder, ["red"], []).items == ()
    with pytest.raises(ItemNotFound):
        label_items(filled, encoder, ["red"], [9, 999])


def test_likely_labels_become_tags_of_the_model(filled, encoder):
    found = label_items(filled, encoder, COLOURS, none=False)
    sure = [item for item in found.items if item.labels[0].probability >= 0.5]
    assert len(sure) >= 6
    assert store_labels(filled, found) == len(sure)
    (tag,) = filled.store.taggings(sure[0].item_id)
    best = sure[0].labels[0]
    assert (tag.tag, tag.source, tag.probability) == (best.label, "colours", pytest.approx(best.probability))
    assert store_labels(filled, found, at_least=1.1) == 0


@pytest.mark.parametrize(
    ("labels", "none", "reason"),
    [
        ([], True, "too few"),
        (["red"], False, "too few"),
        (["red", " "], True, "blank"),
        (["red", "Red"], True, "the same"),
    ],
)
def test_labels_that_say_nothing_are_refused(filled, encoder, labels, none, reason):
    with pytest.raises(BadLabels, match=reason):
        label_items(filled, encoder, labels, none=none)


def test_another_encoder_is_refused(filled):
    with pytest.raises(EncoderDrift):
        label_items(filled, ColourEncoder(seed=7), ["red"])


def test_texts_are_labelled_too(collection, encoder, index, tmp_path):
    (tmp_path / "note.txt").write_text("a red thing")
    index(tmp_path / "note.txt")
    (item,) = label_items(collection, encoder, COLOURS).items
    assert item.labels[0].label == "red"


def test_a_label_is_the_mean_over_its_templates(encoder):
    found = class_embeddings(encoder, ["red", "blue"])
    texts = [t.format(label="blue", a_label="a blue") for t in TEMPLATES]
    mean = encoder.encode_texts(texts).mean(axis=0)
    np.testing.assert_allclose(found[1], mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("shoe", "a shoe"), ("armchair", "an armchair"), ("jeans", "jeans"), ("dress", "a dress"),
        ("the sky", "the sky"), ("some food", "some food"),
    ],
)  # fmt: skip
def test_a_label_gets_the_article_it_needs(label, expected):
    assert with_article(label) == expected


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.5, 200))
def test_probabilities_are_a_softmax(seed, scale):
    rng = np.random.default_rng(seed)
    rows, classes = rng.normal(size=(5, 8)).astype(np.float32), rng.normal(size=(3, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)
    found = probabilities(rows, classes, scale)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    odds = np.log(found[:, 0]) - np.log(found[:, 1])
    np.testing.assert_allclose(odds, scale * (rows @ (classes[0] - classes[1])), rtol=1e-3, atol=1e-3)


def test_the_starter_that_is_shipped_was_measured():
    """New weights need new numbers: data/evaluation/labels.py --write, and duplicates.py."""
    spec = load_encoder("starter").spec
    assert measured(spec).is_measured
    assert measured(ColourEncoder().spec) == Measured(label_scale=100, near_duplicate=0.95)
    assert json.loads(FILE.read_text())["encoders"][0]["name"] == "starter"
    with pytest.raises(ValueError, match="measured"):
        Measured(label_scale=0)
