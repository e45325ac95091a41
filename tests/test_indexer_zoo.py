"""The zoo agrees with open_clip: names, sizes, where the weights come from."""

import open_clip
import pytest
import torch

from indexer import ZOO, load_encoder, model_available
from indexer.encoders import loader

HUB_MODELS = [model for model in ZOO if model.name != "starter"]


@pytest.fixture(params=HUB_MODELS, ids=lambda model: model.name)
def model(request):
    return request.param


def test_names_are_different_and_the_starter_comes_last():
    names = [model.name for model in ZOO]
    assert len(set(names)) == len(names)
    assert names[-1] == "starter"


def test_every_name_is_in_the_list_of_open_clip(model):
    assert tuple(model.name.split("/")) in open_clip.list_pretrained()


def test_width_and_size_agree(model):
    config = open_clip.get_model_config(model.name.split("/")[0])
    assert model.dim == config["embed_dim"]
    assert model.image_size == config["vision_cfg"]["image_size"]


def test_repositories_are_those_that_open_clip_asks(model):
    assert set(model.repositories) == {need.repository for need in loader.needs(model.name)}


def test_the_figures_are_plausible(model):
    assert model.licence
    assert model.languages
    assert model.size_mb == pytest.approx(4 * model.params_m, rel=0.02)
    for figure in (model.imagenet_top1, model.flickr30k_r1, model.coco_r1):
        assert figure is None or 0 < figure < 100


def test_parameters_are_about_as_many_as_told(model):
    architecture = model.name.split("/")[0]
    config = open_clip.get_model_config(architecture)
    if "hf_model_name" in config["text_cfg"]:
        pytest.skip("the layout of its text tower is on the hub only")
    kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    with torch.device("meta"):  # layers without numbers
        built = kind(**config)
    assert sum(p.numel() for p in built.parameters()) / 1e6 == pytest.approx(model.params_m, rel=0.02)


def test_the_starter_is_as_told():
    told = ZOO[-1]
    encoder = load_encoder("starter", device="cpu")
    assert (told.dim, told.image_size) == (encoder.spec.dim, encoder.spec.image_size)
    count = sum(p.numel() for p in encoder.parts.model.parameters())
    assert count / 1e6 == pytest.approx(told.params_m, rel=0.1)
    assert model_available("starter")


def test_no_weights_of_openai_are_recommended():
    assert not [model.name for model in ZOO if "openai" in model.name]
