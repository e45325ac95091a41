"""Any Stable Diffusion as a generator, on tiny real pipelines."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from diffusers.configuration_utils import FrozenDict
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from generation.diffusion import pipelines
from generation.diffusion.generator import DiffusersGenerator, DiffusionOptions
from generation.diffusion.pictures import LatentPreview, is_black
from generation.errors import BadRequest, GenerationCancelled
from generation.request import GenerationRequest
from tests.tiny_diffusion import SIDE, save_ip_adapter, save_pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_pipeline(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def generator(folder):
    return DiffusersGenerator(folder, DiffusionOptions(device="cpu"))


@pytest.fixture(scope="module")
def styled(folder, tmp_path_factory):
    adapter = save_ip_adapter(tmp_path_factory.mktemp("adapters") / "ip")
    return DiffusersGenerator(folder, DiffusionOptions(device="cpu", ip_adapter=adapter))


def ask(**wishes):
    return GenerationRequest(**{"prompt": "a red shoe", "steps": 3, "seed": 7} | wishes)


def one(generator, **wishes):
    [made] = generator.generate(ask(**wishes))
    return made


def same(one, other):
    return np.array_equal(np.asarray(one.image), np.asarray(other.image))


def drawing(colour="red", size=(SIDE, SIDE)):
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).ellipse((4, 4, size[0] - 5, size[1] - 5), fill=colour)
    return picture


def test_words_become_a_picture_with_all_that_made_it(generator, folder):
    made = one(generator, negative_prompt="ugly", guidance=5)
    assert made.image.mode == "RGB"
    assert made.image.size == (SIDE, SIDE) == generator.info.size
    assert made.blocked is None
    settings = made.settings
    assert (settings.model, settings.revision) == (str(folder), generator.info.revision)
    assert (settings.mode, settings.prompt, settings.negative_prompt) == (
        "text-to-image",
        "a red shoe",
        "ugly",
    )
    assert (settings.seed, settings.steps, settings.guidance, settings.scheduler) == (7, 3, 5, "ddim")
    assert settings.mode == "text-to-image"
    assert settings.extras["precision"] == "float32"


def test_each_picture_of_a_request_is_the_one_of_its_own_seed(generator):
    several = generator.generate(ask(count=3))
    assert [made.settings.seed for made in several] == [7, 8, 9]
    assert all(same(made, one(generator, seed=made.settings.seed)) for made in several)
    assert not same(several[0], several[1])


def test_words_and_guidance_change_the_picture(generator):
    plain = one(generator)
    assert not same(plain, one(generator, prompt="a blue bag"))
    assert not same(plain, one(generator, guidance=1))
    assert not same(plain, one(generator, negative_prompt="ugly"))


def test_image_to_image_starts_from_the_picture(generator):
    start = drawing()
    near, far = one(generator, start=start, strength=0.34), one(generator, start=start, strength=1)
    assert near.settings.mode == "image-to-image"
    assert near.settings.extras["strength"] == 0.34
    assert not same(near, far)
    assert not same(near, one(generator, start=drawing("blue"), strength=0.34))


def test_inpainting_keeps_every_pixel_that_is_not_masked(generator):
    start, mask = drawing(), Image.new("L", (SIDE, SIDE))
    mask.paste(255, (8, 8, 24, 24))
    made = one(generator, start=start, mask=mask, strength=1)
    assert made.settings.mode == "inpainting"
    changed = (np.asarray(made.image) != np.asarray(start)).any(axis=2)
    assert changed[8:24, 8:24].mean() > 0.9
    changed[8:24, 8:24] = False
    assert not changed.any()


def test_styles_pull_by_their_weight(styled, generator):
    without = one(styled)
    assert same(without, one(generator))
    assert same(without, one(styled, styles=(drawing(),), style_weight=0))
    followed = one(styled, styles=(drawing(), drawing("blue")), style_weight=1)
    assert not same(without, followed)
    assert not same(followed, one(styled, styles=(drawing("green"),), style_weight=1))
    assert followed.settings.extras["styles"] == 2
    assert not same(followed, one(styled, styles=(drawing(),), style_weight=1, start=drawing()))
    with pytest.raises(BadRequest, match="style pictures: expected a generator with an IP-Adapter"):
        one(generator, styles=(drawing(),))


def test_each_scheduler_samples_its_own_way(generator):
    names = ("ddpm", "ddim", "dpmsolver++", "euler", "lcm")
    made = {name: one(generator, scheduler=name, steps=5) for name in names}
    assert [made[name].settings.scheduler for name in names] == list(names)
    # Without noise on the way, DDIM is Euler's method on the same curve; the others go ways of their own.
    gap = np.asarray(made["ddim"].image, int) - np.asarray(made["euler"].image, int)
    assert abs(gap).max() <= 1
    assert len({made[name].image.tobytes() for name in names if name != "euler"}) == 4
    assert same(one(generator, scheduler="ddim"), one(generator))


def test_steps_are_told_with_previews_and_can_be_stopped(generator):
    told = []
    generator.generate(ask(count=2), on_step=lambda step: told.append(step) or True)
    assert [(step.picture, step.step, step.steps, step.pictures) for step in told] == [
        (picture, step, 3, 2) for picture in (0, 1) for step in (1, 2, 3)
    ]
    previews = [step.preview() for step in told]
    assert {(preview.size, preview.mode) for preview in previews} == {((SIDE, SIDE), "RGB")}
    with pytest.raises(GenerationCancelled) as caught:
        generator.generate(ask(), on_step=lambda step: step.step < 2)
    assert (caught.value.step, caught.value.steps) == (2, 3)
    assert same(one(generator), generator.generate(ask(), on_step=lambda _: True)[0])


class LinearAutoencoder:
    """An autoencoder whose colours are linear in its latents, so that the preview has to be exact."""

    def __init__(self):
        self.config = FrozenDict(latent_channels=4, scaling_factor=0.5, shift_factor=0.1)
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self.colours, self.offset = torch.randn(3, 4), torch.rand(3, 1, 1) - 0.5

    def encode(self, pictures):
        small = torch.nn.functional.avg_pool2d(pictures, 8) - self.offset
        return AutoencoderTinyOutput(torch.einsum("zc,nchw->nzhw", torch.linalg.pinv(self.colours), small))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_previews_of_a_linear_autoencoder_are_its_pictures(seed):
    torch.manual_seed(seed)
    linear = LinearAutoencoder()
    colours = torch.rand(1, 3, 6, 5) * 2 - 1
    encoded = linear.encode(torch.nn.functional.interpolate(colours, scale_factor=8)).latents
    latents = (encoded - 0.1) * 0.5  # as a pipeline has them
    assume(latents.std() <= 1)  # beyond, they are taken for noise and toned down
    drawn = np.asarray(LatentPreview(linear).draw(latents, (5, 6)), float)
    expected = colours[0].permute(1, 2, 0).numpy() * 127.5 + 127.5
    assert np.abs(drawn - expected).max() < 1.01


def test_a_flagged_picture_is_blocked_and_others_are_not(tmp_path):
    watched = DiffusersGenerator(save_pipeline(tmp_path / "a", checker=True), DiffusionOptions(device="cpu"))
    made = one(watched)
    assert made.blocked == "the model's own safety checker flagged it"
    start, mask = drawing(), Image.new("L", (SIDE, SIDE), 255)
    assert one(watched, start=start).blocked
    assert one(watched, start=start, mask=mask).blocked
    harmless = DiffusersGenerator(
        save_pipeline(tmp_path / "b", checker=False), DiffusionOptions(device="cpu")
    )
    made = one(harmless)
    assert made.blocked is None
    assert np.asarray(made.image).std() > 0


def test_a_model_that_only_paints_in_says_so(tmp_path):
    folder = save_pipeline(tmp_path / "painter", inpainting=True)
    painter = DiffusersGenerator(folder, DiffusionOptions(device="cpu"))
    mask = Image.new("L", (SIDE, SIDE), 255)
    assert one(painter, start=drawing(), mask=mask).settings.mode == "inpainting"
    for wishes in ({}, {"start": drawing()}):
        with pytest.raises(BadRequest, match="it only paints in"):
            one(painter, **wishes)


def test_a_prompt_longer_than_the_tower_is_cut_at_a_word_and_that_is_told(generator):
    assert generator.info.prompt_tokens == 12
    long = "a photo of a red shoe " * 5
    made = one(generator, prompt=long)
    assert made.settings.prompt == "a photo of a red shoe a photo of a"
    assert made.settings.extras["prompt_cut"] is True
    assert same(made, one(generator, prompt=made.settings.prompt))
    assert "prompt_cut" not in one(generator).settings.extras
    assert one(generator, prompt="").settings.prompt == ""


def test_sizes_are_multiples_and_follow_the_start_picture(generator):
    assert one(generator, width=48, height=16).image.size == (48, 16)
    with pytest.raises(BadRequest, match="width 33: expected a multiple of 2, such as 32 or 34"):
        one(generator, width=33)
    wide = one(generator, start=drawing(size=(300, 150)))
    assert wide.image.size == (wide.settings.width, wide.settings.height) == (46, 22)
    assert one(generator, start=drawing(), width=16, height=32).image.size == (16, 32)


def test_requests_without_any_work_are_refused(generator):
    with pytest.raises(BadRequest, match="strength 0"):
        one(generator, start=drawing(), strength=0)
    with pytest.raises(BadRequest, match="a mask without any white"):
        one(generator, start=drawing(), mask=Image.new("L", (SIDE, SIDE)))
    with pytest.raises(BadRequest, match="the scheduler 'magic'"):
        one(generator, scheduler="magic")
    low = one(generator, start=drawing(), strength=0.01, steps=None)
    assert low.settings.steps == 100  # so that one is left to take


def test_a_few_step_model_gets_few_steps(folder, tmp_path):
    turbo = DiffusersGenerator(
        save_pipeline(tmp_path / "tiny-turbo", scheduler="EulerDiscreteScheduler"),
        DiffusionOptions(device="cpu"),
    )
    made = one(turbo, steps=None, negative_prompt="ugly")
    assert (made.settings.steps, made.settings.guidance, made.settings.scheduler) == (4, 1.0, "euler")
    assert made.settings.negative_prompt == ""  # without guidance, it is not read
    assert one(turbo, guidance=3, negative_prompt="ugly").settings.negative_prompt == "ugly"


def test_a_velocity_model_is_sampled_as_one(tmp_path):
    """The same weights under the other reading give another picture, whichever sampler is asked for."""
    plain, velocity = (
        DiffusersGenerator(
            save_pipeline(tmp_path / kind, prediction_type=kind), DiffusionOptions(device="cpu")
        )
        for kind in ("epsilon", "v_prediction")
    )
    for name in ("ddim", "dpmsolver++"):
        assert not same(one(plain, scheduler=name), one(velocity, scheduler=name))


def test_too_large_a_picture_is_an_error_that_says_so_and_leaves_the_generator_whole(folder):
    command = [sys.executable, "-m", "tests.short_of_memory", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == ["2048 x 2048", "True"], done.stderr


def test_a_model_that_leaves_float16_is_widened_instead_of_giving_black(tmp_path, monkeypatch):
    folder = save_pipeline(tmp_path / "loud", loud=True)
    wide = one(DiffusersGenerator(folder, DiffusionOptions(device="cpu")))
    monkeypatch.setattr(pipelines, "choose_dtype", lambda device, has_unet: torch.float16)
    narrow = DiffusersGenerator(folder, DiffusionOptions(device="cpu"))
    made = one(narrow)
    assert not is_black(made.image)
    assert made.settings.extras["precision"] == "float32"
    assert one(narrow).settings.extras["precision"] == "float32"
    gap = np.abs(np.asarray(made.image, int) - np.asarray(wide.image, int))
    assert gap.mean() < 8
