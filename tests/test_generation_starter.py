"""The small generator: frames, patches, examples, training, and what comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generation.errors import BadRequest, GenerationCancelled, GeneratorUnavailable
from generation.request import GenerationRequest, Step
from generation.starter.autoencoder import PatchAutoencoder, from_pixels, to_pixels
from generation.starter.examples import Examples, draw
from generation.starter.fit import fit_generator
from generation.starter.generator import FACTS_FILE, GeneratorFacts, load_starter
from generation.starter.pipeline import Condition
from generation.starter.resize import squared
from generation.starter.train import TrainingRecipe, TrainingStep, start_pipeline

DIM, SIDE = 16, 16
FACTS = GeneratorFacts(encoder_sha256="0" * 64, trained_on="squares", licence="none")
RECIPE = TrainingRecipe(batch=8, widths=(32, 32), steps=6, seed=3, save_minutes=1e-6)


def examples(count: int = 60) -> Examples:
    """Plain squares on white; the embedding tells the colour."""
    random = np.random.default_rng(0)
    colours = random.integers(0, 255, (count, 3))
    pixels = np.full((count, SIDE, SIDE, 3), 255, np.uint8)
    pixels[:, 4:12, 4:12] = colours[:, None, None]
    rows = np.zeros((count, DIM), np.float32)
    rows[:, :3], rows[:, 3] = colours / 255, 1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    some = np.repeat(np.arange(count), 2)[: count // 2 * 2]  # the second half has no phrases
    starts = np.minimum(np.arange(count + 1) * 2, len(some) // 2)
    unit = rows.astype(np.float16)
    return Examples(pixels=pixels, images=unit, texts=unit, phrases=some, starts=starts)


def go_on(_: TrainingStep) -> bool:
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    where = tmp_path_factory.mktemp("generator")
    report = fit_generator(examples(), FACTS, RECIPE, where, go_on)
    assert report.finished
    assert report.steps == 6
    assert report.pictures == 60
    return where


class TestFraming:
    def test_a_product_before_a_plain_background_stays_whole(self):
        picture = Image.new("RGB", (60, 80), "white")
        picture.paste("red", (20, 0, 40, 80))
        pixels = np.asarray(squared(picture, 80))
        assert pixels.shape == (80, 80, 3)
        assert (pixels[:, :10] == 255).all()
        assert (pixels[0, 40] == (255, 0, 0)).all()
        assert (pixels[79, 40] == (255, 0, 0)).all()

    def test_a_photograph_loses_its_ends_and_gets_no_bars(self):
        noise = np.random.default_rng(0).integers(0, 255, (40, 100, 3), dtype=np.uint8)
        pixels = np.asarray(squared(Image.fromarray(noise), 40))
        assert (pixels == noise[:, 30:70]).all()

    @given(st.integers(1, 50), st.integers(1, 50))
    @settings(deadline=None)
    def test_any_size_becomes_square(self, width, height):
        assert squared(Image.new("RGB", (width, height), "blue"), 16).size == (16, 16)


class TestAutoencoder:
    def test_with_all_components_nothing_is_lost(self):
        pictures = torch.rand(8, 3, 16, 16) * 2 - 1
        vae = PatchAutoencoder(patch=4, latent_channels=48)
        vae.fit(pictures)
        assert torch.allclose(vae.decode(vae.encode(pictures)), pictures, atol=1e-4)

    def test_the_components_kept_are_the_best(self):
        pictures = from_pixels(examples().pixels)
        patches = torch.nn.functional.pixel_unshuffle(pictures, 4).permute(0, 2, 3, 1).flatten(0, 2).double()
        lost = torch.linalg.eigvalsh(torch.cov(patches.T))[:-5].sum() / 48
        vae = PatchAutoencoder(patch=4, latent_channels=5)
        vae.fit(pictures)
        error = (vae.project(vae.encode(pictures)) - pictures).square().mean()
        assert error == pytest.approx(float(lost), rel=0.01, abs=1e-6)

    def test_pixels_survive_the_way_there_and_back(self):
        pixels = examples().pixels
        assert (to_pixels(from_pixels(pixels)) == pixels).all()


class TestExamples:
    def test_a_wrong_number_of_embeddings_is_refused(self):
        good = examples()
        with pytest.raises(ValueError, match="60 pictures need"):
            replace(good, images=good.images[:-1])

    def test_neighbours_are_others_and_masked_where_there_are_none(self):
        batch = draw(examples(), 200, neighbours=4, random=np.random.default_rng(1))
        shown = batch.mask[:, 1] > 0
        assert 60 < shown.sum() < 140
        assert (batch.mask[:, 0] == 1).all()
        assert (batch.tokens[~shown, 1:] == 0).all()
        assert np.allclose(np.linalg.norm(batch.tokens[:, 0], axis=1), 1, atol=1e-3)
        assert 0 < (~batch.told).sum() < 60

    def test_pictures_without_phrases_are_told_by_their_embedding(self):
        lone = replace(examples(), starts=np.zeros(61, np.int64))
        batch = draw(lone, 50, neighbours=2, random=np.random.default_rng(0))
        assert np.allclose(np.linalg.norm(batch.tokens[:, 0], axis=1), 1, atol=1e-3)

    def test_the_same_random_numbers_give_the_same_batch(self):
        one, two = (draw(examples(), 9, neighbours=3, random=np.random.default_rng(5)) for _ in range(2))
        assert (one.tokens == two.tokens).all()
        assert (one.pixels == two.pixels).all()


class TestTraining:
    def test_it_ends_in_a_folder_that_diffusers_reads(self, folder):
        index = json.loads((folder / "model_index.json").read_text())
        assert index["_class_name"] == "StarterPipeline"
        assert index["unet"] == ["diffusers", "UNet2DConditionModel"]
        assert (folder / "samples" / "last.png").exists()
        assert not list(folder.rglob("*.bin"))

    def test_cut_off_and_resumed_equals_one_run(self, folder, tmp_path):
        done = 0

        def stop_in_the_middle(step: TrainingStep) -> bool:
            nonlocal done
            done += 1
            return done not in (3, 10)  # in the decoder's part, then in the denoiser's

        reports = [fit_generator(examples(), FACTS, RECIPE, tmp_path, stop_in_the_middle) for _ in range(3)]
        assert [report.finished for report in reports] == [False, False, True]
        one, other = load_starter(folder), load_starter(tmp_path)
        assert one.info.revision == other.info.revision

    def test_a_longer_run_goes_on_from_before_the_end(self, tmp_path):
        fit_generator(examples(), FACTS, RECIPE, tmp_path, go_on)
        steps: list[tuple[str, int]] = []

        def note(step: TrainingStep) -> bool:
            steps.append((step.part, step.step))
            return True

        fit_generator(examples(), FACTS, replace(RECIPE, steps=10), tmp_path, note)
        denoiser = [step for part, step in steps if part == "denoiser"]
        assert denoiser[0] == 6  # 5 steps stood when 70 % of 6 were done
        assert denoiser[-1] == 10

    @pytest.mark.slow
    def test_it_learns_the_colour_that_it_is_told(self, tmp_path):
        recipe = replace(RECIPE, steps=250, batch=24, save_minutes=10.0, learning_rate=2e-3)
        losses: dict[str, list[float]] = {"decoder": [], "denoiser": []}

        def note(step: TrainingStep) -> bool:
            losses[step.part].append(step.loss)
            return True

        shown = examples(200)
        fit_generator(shown, FACTS, recipe, tmp_path, note)
        assert np.mean(losses["denoiser"][-20:]) < 0.6 * np.mean(losses["denoiser"][:20])
        generator = load_starter(tmp_path)
        errors, others = [], []
        for row in range(12):
            made = generator.generate(
                GenerationRequest(prompt="", embedding=shown.images[row].astype(np.float32), steps=10)
            )
            middle = np.asarray(made[0].image.resize((SIDE, SIDE)))[6:10, 6:10].mean((0, 1))
            errors.append(np.abs(middle - shown.pixels[row, 8, 8]).mean())
            others.append(np.abs(middle - shown.pixels[row + 12, 8, 8]).mean())
        assert np.mean(errors) < 0.9 * np.mean(others)

    @pytest.mark.parametrize("prediction", ["sample", "v_prediction", "epsilon"])
    def test_each_prediction_trains_and_samples(self, prediction, tmp_path):
        recipe = replace(RECIPE, prediction=prediction, steps=2)
        fit_generator(examples(), FACTS, recipe, tmp_path, go_on)
        made = load_starter(tmp_path).generate(request())
        assert np.asarray(made[0].image).std() > 0

    def test_a_recipe_that_makes_no_sense_is_refused(self):
        with pytest.raises(ValueError, match="batch must be above 0"):
            TrainingRecipe(batch=0)
        with pytest.raises(ValueError, match="share"):
            TrainingRecipe(decoder_share=1.0)


def request(**changes) -> GenerationRequest:
    embedding = np.zeros(DIM, np.float32)
    embedding[0] = 1
    return replace(GenerationRequest(prompt="a square", embedding=embedding, steps=4, seed=7), **changes)


class TestGenerating:
    def test_picture_i_is_the_one_of_seed_plus_i(self, folder):
        generator = load_starter(folder)
        many = generator.generate(request(count=3))
        one = generator.generate(request(seed=9))
        assert many[2].settings == one[0].settings
        assert many[2].image.tobytes() == one[0].image.tobytes()
        assert many[0].image.tobytes() != many[1].image.tobytes()

    def test_settings_tell_the_true_resolution(self, folder):
        made = load_starter(folder).generate(request())[0]
        assert made.image.size == (256, 256)
        assert (made.settings.width, made.settings.height) == (SIDE, SIDE)
        assert made.settings.mode == "embedding-to-image"
        assert made.settings.seed == 7

    def test_neighbours_count_only_with_weight(self, folder):
        generator = load_starter(folder)
        near = np.eye(DIM, dtype=np.float32)[3:6]
        alone = generator.generate(request())[0].image.tobytes()
        ignored = generator.generate(request(neighbours=near, style_weight=0.0))[0].image.tobytes()
        followed = generator.generate(request(neighbours=near, style_weight=1.0))[0].image.tobytes()
        assert ignored == alone
        assert followed != alone

    def test_a_start_picture_is_kept_more_with_less_strength(self, folder):
        generator = load_starter(folder)
        start = Image.new("RGB", (40, 40), (10, 200, 30))
        changes = [
            np.abs(
                np.asarray(generator.generate(request(start=start, strength=strength))[0].image, np.float32)
                - (10, 200, 30)
            ).mean()
            for strength in (0.25, 1.0)
        ]
        assert changes[0] < changes[1]

    def test_steps_are_told_with_previews_and_can_be_stopped(self, folder):
        generator = load_starter(folder)
        seen: list[Step] = []

        def stop_at_three(step: Step) -> bool:
            seen.append(step)
            return len(seen) < 7

        with pytest.raises(GenerationCancelled) as caught:
            generator.generate(request(count=3), on_step=stop_at_three)
        assert (caught.value.step, caught.value.steps) == (3, 4)
        assert [(step.picture, step.step) for step in seen[:5]] == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 1)]
        assert seen[0].preview is not None
        assert seen[0].preview().size == (256, 256)

    @pytest.mark.parametrize(
        ("changes", "what"),
        [
            ({"embedding": None}, "no embedding"),
            ({"embedding": np.ones(3, np.float32)}, r"shape \(3,\)"),
            ({"scheduler": "euler"}, "euler"),
            ({"width": 512}, "512 pixels"),
            ({"start": Image.new("RGB", (4, 4)), "mask": Image.new("L", (4, 4))}, "mask"),
        ],
    )
    def test_what_it_cannot_do_is_said(self, folder, changes, what):
        with pytest.raises(BadRequest, match=what):
            load_starter(folder).generate(request(**changes))

    def test_a_folder_without_a_generator_is_said(self, tmp_path):
        with pytest.raises(GeneratorUnavailable, match="holds no usable generator"):
            load_starter(tmp_path)

    def test_a_damaged_generator_is_said(self, folder, tmp_path):
        for path in folder.rglob("*"):
            if path.is_file() and "training" not in path.parts:
                copy = tmp_path / path.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes()[: 500 if path.suffix == ".safetensors" else None])
        with pytest.raises(GeneratorUnavailable):
            load_starter(tmp_path)

    def test_the_revision_tells_weights_apart(self, folder, tmp_path):
        fit_generator(examples(), FACTS, replace(RECIPE, seed=4), tmp_path, go_on)
        assert load_starter(folder).info.revision != load_starter(tmp_path).info.revision
        assert json.loads((folder / FACTS_FILE).read_text())["trained_on"] == "squares"


def test_guidance_of_one_needs_no_second_look():
    pipeline = start_pipeline(examples(), RECIPE)
    calls: list[int] = []
    pipeline.unet.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    condition = Condition(tokens=torch.zeros(5, DIM), mask=torch.ones(5))
    pipeline(condition, torch.Generator().manual_seed(0), steps=2, guidance=1.0)
    pipeline(condition, torch.Generator().manual_seed(0), steps=2, guidance=2.0)
    assert calls == [1, 1, 2, 2]
