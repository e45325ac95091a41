"""Losses equal references worked out by hand; training learns, repeats itself, and leaves its input alone."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.adapt import (
    Plan,
    Term,
    class_directions,
    distillation,
    fit,
    info_nce,
    nt_xent,
)
from indexer.encoders.starter.heads import Heads, ProjectionHead

SEEDS = st.integers(0, 2**16)


def unit(n: int, dim: int, seed: int) -> torch.Tensor:
    rows = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(rows, dim=1)


def small_heads(seed: int = 0, *, dropout: float = 0.1) -> Heads:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        image = ProjectionHead(12, 6, hidden=16, dropout=dropout)
        return Heads(image, ProjectionHead(8, 6, hidden=16, dropout=dropout))


def pairs_term() -> Term:
    """Pictures and texts that are two linear views of the same hidden thing."""
    source = torch.Generator().manual_seed(5)
    thing = torch.randn(256, 4, generator=source)
    images = thing @ torch.randn(4, 12, generator=source)
    texts = thing @ torch.randn(4, 8, generator=source)

    def loss(heads: Heads, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randperm(len(images), generator=generator)[:64]
        return info_nce(heads.embed_images(images[rows]), heads.embed_texts(texts[rows]), heads.logit_scale)

    return Term(name="pairs", weight=1.0, loss=loss)


# --- losses ---------------------------------------------------------------------------------------------


def test_info_nce_of_two_pairs_by_hand():
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    texts = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # the second text lies on the first picture
    scale = torch.tensor(math.log(2.0))
    by_image = (math.log(2) + math.log(2)) / 2  # logits (2, 2) and (0, 0): a toss-up each
    by_text = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2  # logits (2, 0) twice
    assert float(info_nce(images, texts, scale)) == pytest.approx((by_image + by_text) / 2, abs=1e-6)


@given(n=st.integers(1, 12), seed=SEEDS)
def test_info_nce_equals_a_plain_loop(n, seed):
    images, texts = unit(n, 5, seed), unit(n, 5, seed + 1)
    groups = torch.randint(3, (n,), generator=torch.Generator().manual_seed(seed))
    logits = 7.0 * (images @ texts.T).numpy()
    total = 0.0
    for table in (logits, logits.T):
        for i in range(n):
            chances = np.exp(table[i]) / np.exp(table[i]).sum()
            same = [j for j in range(n) if groups[j] == groups[i]]
            total -= np.mean([np.log(chances[j]) for j in same])
    found = info_nce(images, texts, torch.tensor(math.log(7.0), dtype=torch.float64), groups)
    assert float(found) == pytest.approx(total / (2 * n), rel=1e-6)


@given(n=st.integers(2, 12), seed=SEEDS)
def test_info_nce_without_groups_is_one_group_each(n, seed):
    images, texts, scale = unit(n, 4, seed), unit(n, 4, seed + 1), torch.tensor(2.0, dtype=torch.float64)
    assert info_nce(images, texts, scale) == pytest.approx(info_nce(images, texts, scale, torch.arange(n)))


def test_info_nce_forgives_equal_texts_that_are_marked_as_equal():
    texts = unit(1, 4, 0).repeat(6, 1)
    scale = torch.tensor(4.0, dtype=torch.float64)
    together = info_nce(texts, texts, scale, torch.zeros(6, dtype=torch.int64))
    assert float(together) == pytest.approx(math.log(6))  # the least there can be: nothing tells them apart
    assert float(info_nce(texts, texts, scale)) >= float(together) - 1e-9


def test_info_nce_never_sharpens_beyond_the_limit_of_clip():
    images, texts = unit(4, 4, 0), unit(4, 4, 1)
    assert info_nce(images, texts, torch.tensor(9.0)) == info_nce(images, texts, torch.tensor(math.log(100)))


@given(n=st.integers(2, 8), seed=SEEDS)
def test_nt_xent_equals_a_plain_loop(n, seed):
    both = torch.cat([unit(n, 5, seed), unit(n, 5, seed + 1)])
    table = (both @ both.T / 0.5).numpy()
    total = 0.0
    for i in range(2 * n):
        others = [j for j in range(2 * n) if j != i]
        total -= table[i, (i + n) % (2 * n)] - np.log(np.exp(table[i, others]).sum())
    assert float(nt_xent(both[:n], both[n:], 0.5)) == pytest.approx(total / (2 * n), rel=1e-6)


def test_nt_xent_is_lower_for_views_that_agree():
    first = unit(16, 8, 0)
    assert nt_xent(first, first) < nt_xent(first, unit(16, 8, 1))


@given(seed=SEEDS, temperature=st.floats(0.5, 4.0))
def test_distillation_is_zero_at_the_teacher_and_positive_elsewhere(seed, temperature):
    teacher, student = 3 * unit(4, 7, seed), 3 * unit(4, 7, seed + 1)
    shifted = teacher + 5.0  # a softmax does not see a constant
    assert float(distillation(shifted, teacher, temperature)) == pytest.approx(0, abs=1e-9)
    assert distillation(student, teacher, temperature) > 0


def test_distillation_of_two_classes_by_hand():
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3.0), 0.0]])
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert float(distillation(student, teacher)) == pytest.approx(expected, abs=1e-6)


def test_class_directions_find_the_class_means_of_a_gaussian_world():
    source = torch.Generator().manual_seed(3)
    mix = torch.randn(6, 6, generator=source, dtype=torch.float64)
    noise = torch.randn(200_000, 6, generator=source, dtype=torch.float64) @ mix
    means = torch.randn(4, 6, generator=source, dtype=torch.float64)
    means -= means.mean(dim=0)
    rows = means @ torch.linalg.inv(mix.T @ mix)  # Fisher's discriminant for these means
    found = class_directions(rows, noise, shrinkage=0.0)
    cosine = torch.nn.functional.cosine_similarity(found, means)
    assert cosine.min() > 0.999


def test_a_step_along_a_class_direction_raises_its_logit_by_one():
    rows, features = unit(5, 8, 0), unit(50, 8, 1)
    directions = class_directions(rows, features)
    centred = rows - rows.mean(dim=0)
    assert torch.allclose((directions * centred).sum(dim=1), torch.ones(5, dtype=torch.float64))


# --- heads ----------------------------------------------------------------------------------------------


def test_heads_survive_saving_up_to_half_precision(tmp_path):
    heads = small_heads().eval()
    heads.image.standardise(torch.randn(50, 12, generator=torch.Generator().manual_seed(0)) * 4 + 2)
    heads.save(tmp_path / "heads.safetensors")
    again = Heads.load(tmp_path / "heads.safetensors")
    features = torch.randn(9, 12, generator=torch.Generator().manual_seed(1))
    agreement = (heads.embed_images(features) * again.embed_images(features)).sum(dim=1)
    assert agreement.min() > 0.9999
    assert not again.training


def test_standardised_features_have_mean_zero_and_deviation_one():
    head = ProjectionHead(12, 6)
    features = torch.randn(500, 12, generator=torch.Generator().manual_seed(0)) * 7 - 3
    head.standardise(features)
    standard = (features - head.mean) * head.scale
    assert torch.allclose(standard.mean(dim=0), torch.zeros(12), atol=1e-4)
    assert torch.allclose(standard.std(dim=0), torch.ones(12), atol=1e-2)


@settings(max_examples=20)
@given(n=st.integers(0, 6), seed=SEEDS)
def test_embeddings_have_length_one_whatever_the_batch(n, seed):
    heads = small_heads().eval()
    features = torch.randn(n, 8, generator=torch.Generator().manual_seed(seed))
    found = heads.embed_texts(features)
    assert found.shape == (n, 6)
    assert torch.allclose(found.norm(dim=1), torch.ones(n), atol=1e-5)


# --- training -------------------------------------------------------------------------------------------


def test_training_learns_pairs_and_tells_its_progress():
    seen: list[tuple[int, float]] = []
    plan = Plan(steps=150, learning_rate=1e-2, averaging=0.9)
    trained = fit(
        small_heads(),
        [pairs_term()],
        plan,
        progress=lambda done, losses: seen.append((done, losses["pairs"])),
    )
    assert [done for done, _ in seen] == list(range(1, 151))
    assert seen[-1][1] < 0.5 * seen[0][1]
    term, draw = pairs_term(), torch.Generator().manual_seed(99)
    with torch.inference_mode():
        assert float(term.loss(trained, draw)) < 0.5 * seen[0][1]


def test_the_same_seed_gives_the_same_heads_and_another_seed_others():
    def train(seed: int) -> torch.Tensor:
        trained = fit(small_heads(), [pairs_term()], Plan(steps=5, seed=seed))
        return torch.cat([p.detach().flatten() for p in trained.parameters()])

    torch.manual_seed(123)  # the caller's own random numbers must not matter
    first = train(0)
    assert torch.equal(first, train(0))
    assert not torch.equal(first, train(1))


def test_training_leaves_its_input_and_the_global_random_numbers_alone():
    heads = small_heads()
    before = {name: tensor.clone() for name, tensor in heads.state_dict().items()}
    state = torch.random.get_rng_state()
    fit(heads, [pairs_term()], Plan(steps=3))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in heads.state_dict().items())


def test_a_term_of_weight_zero_changes_nothing():
    idle = Term(
        name="idle", weight=0.0, loss=lambda heads, generator: heads.text.linear.weight.square().sum()
    )
    alone = fit(small_heads(), [pairs_term()], Plan(steps=5))
    both = fit(small_heads(), [pairs_term(), idle], Plan(steps=5))
    for one, other in zip(alone.parameters(), both.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_pictures_without_text_can_be_learned_by_their_views():
    source = torch.Generator().manual_seed(2)
    pictures = torch.randn(128, 12, generator=source)

    def loss(heads: Heads, generator: torch.Generator) -> torch.Tensor:
        first, second = (
            heads.embed_images(pictures + 0.3 * torch.randn(128, 12, generator=generator)) for _ in range(2)
        )
        return nt_xent(first, second)

    seen: list[float] = []
    fit(
        small_heads(),
        [Term(name="views", weight=1.0, loss=loss)],
        Plan(steps=60, learning_rate=1e-2),
        progress=lambda _, losses: seen.append(losses["views"]),
    )
    assert seen[-1] < 0.9 * seen[0]


def test_the_rate_warms_up_and_falls_to_zero():
    plan = Plan(steps=100, learning_rate=2.0)
    rates = [plan.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(2.0 / 5, rel=1e-2)
    assert max(rates) == rates[4]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] < 0.001


def test_impossible_plans_are_refused():
    with pytest.raises(ValueError, match="steps is 0"):
        Plan(steps=0)
    with pytest.raises(ValueError, match="averaging is 1"):
        Plan(steps=1, averaging=1)
    with pytest.raises(ValueError, match="at least one term"):
        fit(small_heads(), [], Plan(steps=1))
