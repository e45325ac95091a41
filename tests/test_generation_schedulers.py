"""What a model is taken for, and the samplers that a request may name."""

import diffusers
import pytest

from generation.diffusion.schedulers import (
    SCHEDULERS,
    Traits,
    check_steps,
    defaults_of,
    make_scheduler,
    name_of,
)
from generation.errors import BadRequest


def settings(names="plain", pipeline="StableDiffusionPipeline", scheduler="PNDMScheduler", **traits):
    found = defaults_of(
        Traits(names=names, pipeline=pipeline, scheduler=scheduler, **traits),
        getattr(diffusers, pipeline).__call__,
    )
    return found.steps, found.guidance, found.scheduler


def test_ordinary_models_get_their_kind_s_own_guidance():
    assert settings() == (30, 7.5, None)
    assert settings(pipeline="StableDiffusionXLPipeline") == (30, 5.0, None)
    assert settings(pipeline="FluxPipeline", scheduler="FlowMatchEulerDiscreteScheduler") == (28, 3.5, None)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("sd-turbo", (4, 1.0, None)),
        ("SDXL_Lightning_8step", (8, 1.0, None)),
        ("Hyper-SD15-2steps-lora", (2, 1.0, None)),
        ("my model\ntags: [text-to-image, turbo]", (4, 1.0, None)),
        ("lcm-lora-sdv1-5", (4, 1.0, "lcm")),
        ("turbot-on-a-plate", (30, 7.5, None)),
        ("hyperrealistic", (30, 7.5, None)),
    ],
)
def test_few_step_models_are_known_by_name_or_card(names, expected):
    assert settings(names) == expected


def test_consistency_models_are_known_by_their_parts():
    assert settings(scheduler="LCMScheduler") == (4, 1.0, "lcm")
    assert settings(pipeline="LatentConsistencyModelPipeline", guided_in_time=True) == (4, 8.5, "lcm")


def test_samplers_keep_the_model_s_noise_and_never_clip_latents():
    own = diffusers.EulerDiscreteScheduler(
        beta_start=0.001, beta_schedule="scaled_linear", prediction_type="v_prediction"
    )
    for name in SCHEDULERS:
        made = make_scheduler(name, own)
        assert name_of(made) == name
        assert (made.config.beta_start, made.config.prediction_type) == (0.001, "v_prediction")
        assert not made.config.get("clip_sample", False)
    assert type(make_scheduler(None, own)) is type(own)
    assert make_scheduler(None, own) is not own


def test_unknown_samplers_are_refused_with_those_that_are_known():
    own = diffusers.DDIMScheduler()
    with pytest.raises(BadRequest) as caught:
        make_scheduler("magic", own)
    assert "the scheduler 'magic': expected one of ddpm, ddim, dpmsolver++, euler, lcm." in str(caught.value)
    with pytest.raises(BadRequest, match="follows a flow"):
        make_scheduler("ddim", diffusers.FlowMatchEulerDiscreteScheduler())


def test_steps_that_cannot_be_taken_are_refused():
    own = diffusers.DDIMScheduler()
    check_steps(own, 1000, 1.0)
    check_steps(own, 4, 0.25)
    with pytest.raises(BadRequest, match="at most 50"):
        check_steps(make_scheduler("lcm", own), 51, 1.0)
    with pytest.raises(BadRequest, match=r"strength 0\.2: expected at least one step: 5 steps or more"):
        check_steps(own, 4, 0.2)
