"""Finding a pipeline's files: what is refused, with which words, and how fast without a network."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from generation import load_generator
from generation.diffusion import model_files
from generation.diffusion.adapters import Lora, load_ip_adapter
from generation.diffusion.model_files import count_weights, find_folder, find_variant, licence_of, revision_of
from generation.errors import BadRequest, GeneratorUnavailable
from tests.tiny_diffusion import save_ip_adapter, save_pipeline


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return save_pipeline(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(original, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(original, tmp_path / "tiny")


def refused(name):
    with pytest.raises(GeneratorUnavailable) as caught:
        find_folder(str(name))
    return str(caught.value)


def test_without_a_network_a_hub_name_is_refused_within_ten_seconds(tmp_path):
    """Measured in a process of its own, from its start, as a person at a command line waits."""
    code = (
        "from generation import load_generator, GeneratorUnavailable\n"
        "try:\n    load_generator('shop/shoes')\n"
        "except GeneratorUnavailable as error:\n    print(error)"
    )
    # A port that nothing listens on stands for a closed network, wherever the test runs.
    closed = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | closed, check=True
    )
    assert time.monotonic() - started < 10
    assert done.stdout == (
        "The generator 'shop/shoes' cannot be loaded: shop/shoes is not in this machine's cache, and the "
        "model hub cannot be reached. Offline, '--generator starter' works, and so does any pipeline's "
        "folder on this machine.\n"
    )


def test_a_cached_pipeline_is_used_without_asking_the_hub(original, tmp_path, monkeypatch):
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    kept = tmp_path / "models--shop--shoes"
    shutil.copytree(original, kept / "snapshots" / commit)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(model_files, "hub_reachable", lambda: pytest.fail("the hub was asked"))
    found = find_folder("shop/shoes")
    assert revision_of(found) == commit
    next((found / "unet").glob("*.safetensors")).unlink()
    monkeypatch.setattr(model_files, "hub_reachable", lambda: False)
    assert "is only in part in this machine's cache" in refused("shop/shoes")


def test_names_that_lead_nowhere_are_told_apart(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    assert "it is a single file, not a pipeline's folder" in refused(tmp_path / "model.safetensors")
    assert "there is no model_index.json in that folder" in refused(tmp_path / "empty")
    assert "there is no such folder" in refused(tmp_path / "nothing")
    assert "there is no such folder" in refused("nothing")


def test_pickles_are_never_read(folder):
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    told = refused(folder)
    assert "unet/diffusion_pytorch_model.bin is a pickle, which can run code when it is read" in told
    assert "safe_serialization=True" in told
    lora = folder / "lora"
    lora.mkdir()
    (lora / "pytorch_lora_weights.bin").write_bytes(b"")
    with pytest.raises(GeneratorUnavailable, match="it holds a pickle"):
        load_ip_adapter(None, lora)


def test_code_in_a_folder_is_never_run(folder):
    index = json.loads((folder / "model_index.json").read_text())
    index["unet"] = ["mine", "Mine"]
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "unet" / "mine.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nclass Mine: pass\n")
    with pytest.raises(GeneratorUnavailable, match="its files cannot be used"):
        load_generator(folder, device="cpu")
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: shutil.rmtree(f / "vae"), "its part 'vae' is missing"),
        (lambda f: next((f / "vae").glob("*.safetensors")).unlink(), "vae has no weights"),
        (lambda f: (f / "model_index.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "model_index.json").write_text("[]"), "names no pipeline"),
        (
            lambda f: (f / "unet" / "a.safetensors.index.json").write_text('{"weight_map": {"w": "b"}}'),
            "unet/b is missing",
        ),
    ],
)
def test_folders_that_are_not_whole_are_refused_before_anything_is_loaded(folder, spoil, words):
    spoil(folder)
    assert words in refused(folder)


def test_broken_weights_and_strange_pipelines_are_refused(folder):
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(GeneratorUnavailable, match="its files cannot be used"):
        load_generator(folder, device="cpu")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "MarigoldDepthPipeline"}))
    with pytest.raises(GeneratorUnavailable, match="can't find a pipeline linked to MarigoldDepthPipeline"):
        load_generator(folder, device="cpu")


def test_another_state_of_the_weights_is_another_revision(folder):
    before = revision_of(folder)
    assert revision_of(folder) == before
    weights = next((folder / "unet").glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert revision_of(folder) != before


def test_the_licence_is_read_from_the_card(folder):
    assert licence_of(folder) == "unknown"
    (folder / "README.md").write_text("---\nlicense: creativeml-openrail-m\ntags: [a]\n---\n# license: no\n")
    assert licence_of(folder) == "creativeml-openrail-m"
    (folder / "README.md").write_text("---\nlicense: other\nlicense_name: sai-nc\n---\n")
    assert licence_of(folder) == "sai-nc"


def test_half_precision_weights_are_chosen_where_they_fit(folder):
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import load_file

    assert find_variant(folder, wanted=None, half=True) is None
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    unet.to(torch.float16).save_pretrained(folder / "unet", variant="fp16")
    assert find_variant(folder, wanted=None, half=True) == "fp16"
    assert find_variant(folder, wanted=None, half=False) is None
    assert count_weights(folder, "fp16") == count_weights(folder, None)
    loaded = sum(
        tensor.numel()
        for part in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model")
        for tensor in load_file(folder / f"{part}.safetensors").values()
    )
    assert count_weights(folder, None) == loaded
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert find_variant(folder, wanted=None, half=False) == "fp16"
    assert load_generator(folder, device="cpu").info.size == (32, 32)


def test_what_does_not_fit_on_a_model_is_refused(folder, tmp_path):
    from safetensors.torch import save_file
    from torch import zeros

    def loading(**options):
        with pytest.raises(GeneratorUnavailable) as caught:
            load_generator(folder, device="cpu", **options)
        return str(caught.value)

    assert "a LoRA is a safetensors file, and there is none" in loading(loras=[Lora(path=tmp_path / "no")])
    (tmp_path / "strange").mkdir()
    save_file({"unet.nothing.lora_A.weight": zeros(2, 2)}, tmp_path / "strange" / "x.safetensors")
    assert "it cannot be put on this model" in loading(loras=[Lora(path=tmp_path / "strange")])
    adapter = save_ip_adapter(tmp_path / "ip")
    shutil.rmtree(adapter / "models" / "image_encoder")
    assert "there is no folder image_encoder beside it" in loading(ip_adapter=adapter)
    (adapter / "models" / "image_encoder").mkdir()
    (adapter / "models" / "image_encoder" / "pytorch_model.bin").write_bytes(b"")
    assert "it holds a pickle" in loading(ip_adapter=adapter)
    assert "the device 'tpu' cannot be used here" in refusal_of_device(folder)


def refusal_of_device(folder):
    with pytest.raises(GeneratorUnavailable) as caught:
        load_generator(folder, device="tpu")
    return str(caught.value)


def test_loras_are_written_with_their_scale(tmp_path):
    assert Lora.parse("mine") == Lora(path=type(tmp_path)("mine"))
    assert Lora.parse("a=b/mine=0.5") == Lora(path=type(tmp_path)("a=b/mine"), scale=0.5)
    for text in ("mine=much", "mine=nan", "mine=9"):
        with pytest.raises(BadRequest):
            Lora.parse(text)
