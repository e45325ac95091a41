"""Completing queries: half words, whole words, limits; training, saving, loading; the bigram baseline."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import Completer, CompleterUnavailable, Recipe, TooFewTexts, train_completer
from search.completion.bigram_baseline import Bigrams
from search.completion.completer import LONGEST
from search.completion.gpt import Shape, save
from search.completion.train import is_held_out, perplexity, texts_of, train

BRANDS = ("aster", "birch", "cedar", "dahlia", "elm")
COLOURS = ("red", "green", "blue", "yellow", "black", "white")
THINGS = (
    "running shoes",
    "walking shoes",
    "leather handbag",
    "cotton shirt",
    "woollen scarf",
    "denim jacket",
)
KINDS = ("men", "women", "girls", "boys")
TEXTS = [  # a brand makes two things only, which no bigram can know: kind and colour stand between
    f"{brand} {kind} {colour} {THINGS[number + which]}"
    for (number, brand), kind, colour, which in itertools.product(enumerate(BRANDS), KINDS, COLOURS, (0, 1))
]


@pytest.fixture(scope="module")
def trained():
    return train(TEXTS, Recipe(steps=100, vocabulary=400))


@pytest.fixture(scope="module")
def completer(trained):
    model, tokenizer, _ = trained
    return Completer(model, tokenizer)


def test_the_model_beats_bigrams_on_texts_it_has_not_seen(trained):
    figures = trained[2]
    assert (figures.texts, figures.held_out) == (
        sum(not is_held_out(text) for text in TEXTS),
        sum(is_held_out(text) for text in TEXTS),
    )
    assert 1 < figures.perplexity < figures.bigram_perplexity


def test_half_words_are_completed(completer):
    assert {found.text for found in completer.complete("red run")} >= {"red running shoes"}
    assert {found.text.split()[1] for found in completer.complete("blue lea")} == {"leather"}
    assert all(found.text.startswith("women ") for found in completer.complete("WOM", 4))


def test_a_space_says_that_the_word_is_whole(completer):
    found = completer.complete("green denim ")
    assert found[0].text == "green denim jacket"
    assert all(each.text.startswith("green denim ") for each in found)


def test_completions_differ_are_ordered_and_longer_than_what_was_typed(completer):
    for prefix in ("", "r", "red", "red ", "aster men", "xq", "  Red   SHO", "ö", "t-sh"):
        found = completer.complete(prefix, 8)
        texts = [each.text for each in found]
        typed = " ".join(prefix.lower().split())
        assert len(texts) == len(set(texts)) <= 8
        assert all(text.startswith(typed) and text != typed for text in texts)
        values = [each.log_likelihood for each in found]
        assert values == sorted(values, reverse=True)
        assert found == completer.complete(prefix, 8)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40), st.integers(1, 12))
def test_any_prefix_gets_at_most_n_completions_of_at_most_twelve_words(completer, prefix, n):
    found = completer.complete(prefix, n)
    assert len(found) <= n
    for each in found:
        assert len(each.text.split()) <= LONGEST
        assert each.text.startswith(" ".join(prefix.lower().split()))
        assert each.log_likelihood <= 0


def test_a_long_text_is_not_recited(completer):
    assert completer.complete("word " * 12) == []
    assert all(len(each.text.split()) == 12 for each in completer.complete("red shoes " * 5 + "red "))


def test_words_of_many_tokens_do_not_run_out_of_places(completer):
    for prefix in ("ž" * 60, "漢字" * 40 + " ", "žluťoučký kůň úpěl ďábelské ódy příliš "):
        assert all(each.text.startswith(prefix.strip()) for each in completer.complete(prefix))


def test_a_prompt_is_enriched_by_whole_words(completer):
    prompts = completer.enrich("yellow cotton", 3)
    assert "yellow cotton shirt" in prompts
    assert all(prompt.startswith("yellow cotton ") for prompt in prompts)


def test_what_is_saved_is_what_is_loaded(trained, completer, tmp_path):
    model, tokenizer, _ = trained
    save(tmp_path, model, tokenizer)
    save(tmp_path, model, tokenizer)  # over the old one
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suggest"]
    loaded = Completer.load(tmp_path)
    assert loaded.complete("red ") == completer.complete("red ")
    (tmp_path / "suggest").rename(tmp_path / "suggest.old")  # killed while replacing
    assert Completer.load(tmp_path).complete("red ") == completer.complete("red ")


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe junk"])
def test_a_damaged_completer_says_so(trained, tmp_path, file, content):
    model, tokenizer, _ = trained
    save(tmp_path, model, tokenizer)
    (tmp_path / "suggest" / file).write_bytes(content)
    with pytest.raises(CompleterUnavailable, match="train-suggest"):
        Completer.load(tmp_path)


def test_another_format_is_refused(trained, tmp_path):
    model, tokenizer, _ = trained
    save(tmp_path, model, tokenizer)
    path = tmp_path / "suggest" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(CompleterUnavailable, match="format 99"):
        Completer.load(tmp_path)


def test_the_same_recipe_gives_the_same_model():
    first, second = (train(TEXTS, Recipe(steps=3, vocabulary=300, seed=4))[2] for _ in range(2))
    assert first.perplexity == pytest.approx(second.perplexity, rel=1e-4)


def test_a_collection_teaches_its_own_titles(collection, index, tmp_path):
    table = "id,title\n" + "\n".join(f"{i},{text.title()}" for i, text in enumerate(TEXTS))
    (tmp_path / "things.csv").write_text(table)
    index(tmp_path / "things.csv")
    assert set(texts_of(collection)) == set(TEXTS)
    seen = []
    figures = train_completer(
        collection, Recipe(steps=4, vocabulary=300), on_progress=lambda *state: seen.append(state)
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert figures.texts + figures.held_out == len(TEXTS)
    assert len(Completer.load(collection.folder).complete("re", 2)) <= 2


def test_too_few_texts_are_told(collection, index, tmp_path):
    (tmp_path / "note.txt").write_text("One sentence. Another one!\n12345")
    index(tmp_path / "note.txt")
    assert texts_of(collection) == ["note", "one sentence.", "another one!"]
    with pytest.raises(TooFewTexts) as caught:
        train_completer(collection)
    assert (caught.value.found, caught.value.needed) == (3, 200)
    with pytest.raises(CompleterUnavailable, match="none has been trained"):
        Completer.load(collection.folder)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"vocabulary": 100}, {"learning_rate": 0.0}])
def test_a_recipe_must_make_sense(wrong):
    with pytest.raises(ValueError, match="recipe"):
        Recipe(**wrong)
    with pytest.raises(ValueError, match="shape"):
        Shape(vocabulary=10, width=10, heads=3)


rows_of_tokens = st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=20)


@settings(deadline=None)
@given(rows_of_tokens, st.integers(0, 9))
def test_bigram_probabilities_sum_to_one(rows, first):
    bigrams = Bigrams(rows, 10)
    assert sum(bigrams.probability(first, second) for second in range(10)) == pytest.approx(1)


@settings(deadline=None)
@given(rows_of_tokens)
def test_the_table_of_bigrams_holds_their_probabilities(rows):
    bigrams = Bigrams(rows, 10)
    expected = [[bigrams.probability(first, second) for second in range(10)] for first in range(10)]
    np.testing.assert_allclose(bigrams.table(), expected, atol=1e-6)
    assert bigrams.frequencies().sum() == pytest.approx(1, abs=1e-5)


def test_bigrams_are_those_of_the_book():
    """By hand: pairs 0-1 twice, and 1-2, 2-0, 1-0 once: the discount is 3 / (3 + 2 * 1)."""
    bigrams = Bigrams([[1, 2], [1]], 3)
    discount = 3 / 5
    unigram = (1 - discount) / 4 + discount * 3 / 4 / 3
    assert bigrams.probability(1, 2) == pytest.approx((1 - discount) / 2 + discount * 2 / 2 * unigram)
    assert bigrams.perplexity([[1]]) == pytest.approx(
        math.exp(-(math.log(bigrams.probability(0, 1)) + math.log(bigrams.probability(1, 0))) / 2)
    )


def test_perplexity_is_that_of_every_next_token(trained):
    import torch

    model, tokenizer, _ = trained
    ids = tokenizer.encode("red running shoes").ids
    with torch.inference_mode():
        chances = torch.softmax(model(torch.tensor([[0, *ids]])).logits[0].double(), -1)
    expected = np.exp(-np.mean([math.log(chances[i, token]) for i, token in enumerate([*ids, 0])]))
    assert perplexity(model, [ids]) == pytest.approx(expected, rel=1e-4)
    assert math.isnan(perplexity(model, []))
