"""Ways to ask for one thing are one query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.query.paraphrase import paraphrases, plural, singular


@pytest.mark.parametrize(
    ("single", "many"),
    [
        ("rocket", "rockets"),
        ("watch", "watches"),
        ("bus", "buses"),
        ("dress", "dresses"),
        ("strawberry", "strawberries"),
        ("toy", "toys"),
        ("kitchen knife", "kitchen knives"),
        ("snowman", "snowmen"),
        ("child", "children"),
        ("red running shoe", "red running shoes"),
    ],
)
def test_the_number_of_a_noun_is_told_both_ways(single, many):
    assert (plural(single), singular(many)) == (many, single)
    assert singular(single) == single


@pytest.mark.parametrize("noun", ["glasses", "jeans", "sheep", "shorts", "furniture", "scissors"])
def test_what_has_one_form_keeps_it(noun):
    assert plural(noun) == singular(noun) == noun


@pytest.mark.parametrize(
    "typed",
    ["rocket", "a rocket", "the rocket", "rockets", "A photo of a rocket", "some rockets", "  rocket "],
)
def test_articles_plurals_and_templates_change_nothing(typed):
    assert paraphrases(typed) == ("rocket", "a rocket", "rockets", "a photo of a rocket")


def test_the_noun_before_a_preposition_has_the_number():
    assert paraphrases("cups of coffee") == paraphrases("a cup of coffee")
    assert paraphrases("a cup of coffee")[0] == "cup of coffee"


@pytest.mark.parametrize(
    "typed",
    ["4711", "AB-12/X", "a man in a red shirt runs along the beach", "\u7ea2\u978b", "", "16:9 screen"],
)
def test_codes_scenes_and_other_scripts_stand_as_they_are(typed):
    assert paraphrases(typed) == (typed,)


@given(st.text(max_size=60))
def test_any_text_has_paraphrases_that_are_texts(text):
    variants = paraphrases(text)
    assert variants
    assert len(set(variants)) == len(variants)
    assert all(variants) or variants == (text,)


@given(st.sampled_from(["rocket", "wine bottle", "cherry", "box", "dog on a beach"]))
def test_a_paraphrase_has_the_same_paraphrases(name):
    assert {paraphrases(variant) for variant in paraphrases(name)} == {paraphrases(name)}
