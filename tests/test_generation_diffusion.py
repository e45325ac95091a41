"""Any Stable Diffusion as a generator, on tiny real pipelines."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from generation.diffusion import DiffusersGenerator, DiffusionOptions
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
