"""Heads that keep what the packaged classifier knows beside what they learn."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from indexer.adapt import Plan, Term, fit, info_nce
from indexer.encoders.starter.gated_heads import CLASS_FEATURES, GatedHeads, Widths

WIDTHS = Widths(features=CLASS_FEATURES + 8, reduced=12, texts=10, learned=6, posterior=4, hidden=16)


def heads(seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = GatedHeads(WIDTHS, **options)
        made.image_input.set_classifier(0.05 * torch.randn(1_000, CLASS_FEATURES), torch.randn(1_000))
        made.image_input.names.data.normal_()
        return made.eval().requires_grad_(False)


def features(count, width, seed=1):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@given(seed=st.integers(0, 1_000), count=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_embeddings_have_length_one_whatever_the_gates_say(seed, count):
    made = heads(seed)
    for gate in (-50.0, 0.0, 50.0):
        for head in (made.image, made.text):
            head.projection.gate_linear.bias.data.fill_(gate)
        for rows in (
            made.embed_images(features(count, WIDTHS.features, seed)),
            made.embed_texts(features(count, WIDTHS.texts, seed)),
        ):
            assert rows.shape == (count, 10)
            torch.testing.assert_close(rows.norm(dim=1), torch.ones(count))


def test_behind_an_open_gate_stands_the_mean_name_of_what_the_classifier_sees():
    made = heads()
    made.image.projection.gate_linear.bias.data.fill_(50.0)
    rows = features(3, WIDTHS.features)
    posterior = torch.softmax(made.image_input.logits(rows), dim=1)
    expected = functional.normalize(posterior @ made.image_input.names, dim=1)
    torch.testing.assert_close(made.embed_images(rows)[:, WIDTHS.learned :], expected)
    made.image.projection.gate_linear.bias.data.fill_(-50.0)
    assert made.embed_images(rows)[:, WIDTHS.learned :].abs().max() < 1e-6


def test_training_moves_the_learned_part_and_keeps_what_was_known():
    made = heads()
    made.image.projection.requires_grad_(True)
    made.text.projection.requires_grad_(True)
    images, texts = features(40, WIDTHS.features, 2), features(40, WIDTHS.texts, 3)

    def loss(learning, _):
        return info_nce(learning.embed_images(images), learning.embed_texts(texts), torch.tensor(2.0))

    plan = Plan(steps=60, learning_rate=5e-3)
    trained = fit(made, [Term(name="pairs", weight=1.0, loss=loss)], plan)
    assert loss(trained, None) < 0.7 * loss(made, None)
    torch.testing.assert_close(trained.image_input.names, made.image_input.names)
    torch.testing.assert_close(trained.image_input(images), made.image_input(images))
    torch.testing.assert_close(trained.text_input(texts), made.text_input(texts))


def test_saved_heads_are_the_same_without_the_classifier(tmp_path):
    made = heads(dropout=(0.3, 0.1))
    made.save(tmp_path / "heads.safetensors")
    assert (tmp_path / "heads.safetensors").stat().st_size < 1_000 * CLASS_FEATURES  # half of it in float16
    again = GatedHeads.load(tmp_path / "heads.safetensors")
    assert again.widths == WIDTHS
    assert not again.training
    again.image_input.set_classifier(made.image_input.weight, made.image_input.bias)
    rows = features(5, WIDTHS.features)
    agreement = (again.embed_images(rows) * made.embed_images(rows)).sum(dim=1)
    assert agreement.min() > 0.999


def test_a_file_of_other_heads_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"image.linear.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(KeyError):
        GatedHeads.load(tmp_path / "other.safetensors")
