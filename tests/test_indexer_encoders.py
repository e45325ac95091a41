"""Every encoder passes the conformance suite; names lead to models or to a sentence that helps."""

import copy
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import save_file

from indexer import ModelUnavailable, choose_model, load_encoder, model_available
from indexer.encoders import agreement, hub, loader
from indexer.encoders.devices import resolve_device
from indexer.encoders.pytorch import factory, tune
from indexer.encoders.pytorch.fold_batchnorm import folded
from tests.colour_encoder import ColourEncoder
from tests.encoder_conformance import EncoderConformance, photos

ARCHITECTURE = "ViT-B-32"
REPOSITORY = "someone/tiny-clip"
SETTINGS = {"size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "resize_mode": "shortest"}


@pytest.fixture(scope="session")
def vit_folder(tmp_path_factory):
    """A real ViT-B-32 with random weights, as open_clip saves a model."""
    folder = tmp_path_factory.mktemp("vit-b-32")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = open_clip.create_model(ARCHITECTURE)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = {"model_cfg": open_clip.get_model_config(ARCHITECTURE), "preprocess_cfg": SETTINGS}
    (folder / loader.CONFIG_FILE).write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def vit(vit_folder):
    return load_encoder(str(vit_folder), device="cpu", runtime="torch")


@pytest.fixture(scope="session")
def starter():
    return load_encoder("starter", device="cpu", runtime="torch")


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """An empty cache of the hub, and a hub that does not answer."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    return tmp_path / "hub"


def put_in_cache(cache: Path, repository: str, *files: Path, revision="0" * 40):
    """Lay files out as the hub's client does: blobs, and snapshots that link to them."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    for part in ("blobs", "refs", f"snapshots/{revision}"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(revision)
    for number, file in enumerate(files):
        blob = folder / "blobs" / f"{number:064x}"
        os.link(file, blob)
        (folder / "snapshots" / revision / file.name).symlink_to(f"../../blobs/{blob.name}")


def refusal(name, **options):
    with pytest.raises(ModelUnavailable) as caught:
        load_encoder(name, **options)
    return caught.value


# --- conformance ----------------------------------------------------------------------------------------


class TestColours(EncoderConformance):
    @pytest.fixture
    def encoder(self):
        return ColourEncoder()

    @pytest.fixture
    def reload(self):
        return ColourEncoder


class TestStarter(EncoderConformance):
    @pytest.fixture
    def encoder(self, starter):
        return starter

    @pytest.fixture
    def reload(self):
        return lambda: load_encoder("starter", device="cpu")


class TestLocalFolder(EncoderConformance):
    @pytest.fixture
    def encoder(self, vit):
        return vit

    @pytest.fixture
    def reload(self, vit_folder):
        return lambda: load_encoder(str(vit_folder), device="cpu")


@pytest.mark.parametrize("which", ["starter", "vit"])
def test_half_a_character_is_no_reason_to_fail(request, which):
    encoder = request.getfixturevalue(which)
    assert np.isfinite(encoder.encode_texts(["\ud800 from a file's name"])).all()


# --- names that lead to a model -------------------------------------------------------------------------


def test_a_folder_keeps_its_preprocessing(vit, vit_folder):
    assert vit.spec.name == str(vit_folder)
    assert (vit.spec.dim, vit.spec.image_size) == (512, 224)
    assert vit.parts.model.visual.preprocess_cfg["mean"] == SETTINGS["mean"]


def test_a_bare_file_has_the_same_weights_under_other_preprocessing(vit, vit_folder, monkeypatch):
    monkeypatch.chdir(vit_folder)
    bare = load_encoder(f"{ARCHITECTURE}@open_clip_model.safetensors", device="cpu")
    assert bare.spec.name == f"{ARCHITECTURE}@{vit_folder / 'open_clip_model.safetensors'}"
    assert bare.spec.weights_sha256 == vit.spec.weights_sha256
    assert bare.spec.preprocessing_sha256 != vit.spec.preprocessing_sha256
    assert np.allclose(bare.encode_texts(["a cat"]), vit.encode_texts(["a cat"]), atol=1e-5)


def test_a_cached_hub_model_needs_no_network(vit, vit_folder, hub_cache):
    put_in_cache(hub_cache, REPOSITORY, *vit_folder.iterdir())
    started = time.perf_counter()
    assert model_available(f"hf-hub:{REPOSITORY}")
    cached = load_encoder(f"hf-hub:{REPOSITORY}", device="cpu")
    assert cached.spec.same_space(vit.spec)
    assert time.perf_counter() - started < 60
    assert not constants.HF_HUB_OFFLINE  # the client is left as it was


def test_a_cached_tag_is_available_and_chosen(vit_folder, hub_cache):
    weights = vit_folder / "open_clip_model.safetensors"
    put_in_cache(hub_cache, "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", weights)
    assert model_available("ViT-B-32/laion2b_s34b_b79k")
    name, reason = choose_model()
    assert name == "ViT-B-32/laion2b_s34b_b79k"
    assert "already on this machine" in reason
    assert load_encoder("ViT-B-32/laion2b_s34b_b79k", device="cpu").spec.dim == 512


def test_weights_without_their_tokenizer_are_not_available(vit_folder, hub_cache):
    put_in_cache(hub_cache, "timm/ViT-B-32-SigLIP2-256", vit_folder / "open_clip_model.safetensors")
    assert not model_available("ViT-B-32-SigLIP2-256/webli")
    assert choose_model()[0] == "starter"


# --- preprocessing and activation belong to the tag -----------------------------------------------------


@pytest.fixture
def built(monkeypatch):
    """The options that open_clip's factory gets for a name; it builds the model, but reads no weights."""
    calls = []
    real = open_clip.create_model_and_transforms

    def create(model_name, **options):
        calls.append(options)
        return real(model_name, **(options | {"require_pretrained": False, "load_weights": False}))

    monkeypatch.setattr(open_clip, "create_model_and_transforms", create)
    monkeypatch.setattr("open_clip.factory.download_pretrained", lambda *_, **__: "never-read")
    monkeypatch.setattr(hub, "is_cached", lambda _need: True)
    monkeypatch.setattr(factory, "quiet", nullcontext)  # any warning is an error here
    return calls


@pytest.mark.parametrize(
    ("tag", "quick"), [("openai", True), ("laion2b_s34b_b79k", False), ("metaclip_400m", True)]
)
def test_a_tag_brings_its_activation(built, tag, quick):
    parts = loader.load_parts(f"ViT-B-32/{tag}")
    assert built[0]["force_quick_gelu"] is quick
    activation = type(parts.model.visual.transformer.resblocks[0].mlp.gelu).__name__
    assert activation == ("QuickGELU" if quick else "GELU")
    assert parts.model.visual.preprocess_cfg["mean"] == open_clip.OPENAI_DATASET_MEAN


# --- names that lead to a sentence ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ViT-B-32/laion2b_s34b", "ViT-B-32/laion2b_s34b_b79k"),
        ("vit-b-32/OPENAI", "ViT-B-32/openai"),
        ("startr", "starter"),
    ],
)
def test_an_unknown_name_names_near_ones(name, near):
    error = refusal(name)
    assert error.model == name
    assert near in error.reason
    assert "findmake models" in str(error)


def test_an_unknown_architecture_names_near_ones(tmp_path):
    assert (
        "'ViT-B-23' is no architecture; the nearest are ViT-B-32" in refusal("ViT-B-23@x.safetensors").reason
    )


def test_a_name_like_nothing_names_no_near_ones():
    assert refusal("@@@").reason == "'' is no architecture"
    assert refusal("\u2603" * 9).reason == "there is no model of that name"


@pytest.mark.parametrize("name", ["hf-hub:", "hf-hub:a/b/c", "hf-hub:..", "hf-hub:someone/tiny clip"])
def test_a_malformed_repository_is_refused(hub_cache, name):
    assert refusal(name).model == name
    assert not model_available(name)


def test_a_missing_file_is_named(tmp_path):
    assert "there is no file" in refusal(f"{ARCHITECTURE}@{tmp_path / 'none.safetensors'}").reason


def test_a_folder_without_configuration_is_explained(tmp_path):
    assert loader.CONFIG_FILE in refusal(str(tmp_path)).reason


def test_a_file_without_architecture_is_explained(tmp_path):
    (tmp_path / "model.safetensors").touch()
    assert f"ViT-B-32@{tmp_path}" in str(refusal(str(tmp_path / "model.safetensors")))


@pytest.mark.parametrize("content", [b"", b"not a weight file at all", b"\xff" * 64])
@pytest.mark.parametrize("suffix", ["safetensors", "pt", "bin", "npz"])
def test_broken_weight_files_are_refused(tmp_path, content, suffix):
    file = tmp_path / f"weights.{suffix}"
    file.write_bytes(content)
    assert refusal(f"RN50@{file}").model == f"RN50@{file}"


def test_weights_of_another_model_are_refused_in_few_words(tmp_path):
    save_file({"somebody": torch.zeros(3)}, tmp_path / "other.safetensors")
    error = refusal(f"RN50@{tmp_path / 'other.safetensors'}")
    assert "Missing key" in error.reason
    assert len(error.reason) < 400


class Code:
    def __reduce__(self):
        return os.mkdir, ("ran-code",)


@pytest.mark.parametrize("how", ["torch", "plain"])
def test_a_pickle_with_code_in_it_is_refused(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    if how == "torch":
        torch.save({"weights": Code()}, "evil.pt")
    else:
        Path("evil.pt").write_bytes(pickle.dumps(Code()))
    error = refusal("RN50@evil.pt")
    assert "holds code" in error.reason
    assert "trust" not in str(error)  # torch's own message tells how to run it
    assert not Path("ran-code").exists()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"model_cfg": {}}', '{"model_cfg": {"text_cfg": {}, "vision_cfg": {"a": 1}}}'],
)
def test_a_broken_configuration_is_refused(tmp_path, content):
    (tmp_path / loader.CONFIG_FILE).write_text(content)
    assert refusal(str(tmp_path)).model == str(tmp_path)


def test_a_configuration_without_weights_is_refused(tmp_path, vit_folder):
    config = (vit_folder / loader.CONFIG_FILE).read_text()
    (tmp_path / loader.CONFIG_FILE).write_text(config)
    assert "pretrained weights" in refusal(str(tmp_path)).reason


@pytest.mark.parametrize("device", ["warp-drive", "meta", "cuda:99", ""])
def test_a_device_that_is_not_here_is_refused(device):
    error = refusal("starter", device=device)
    assert error.model == "starter"
    assert "--device cpu" in str(error)


def test_auto_is_a_device_that_is_here():
    assert resolve_device("auto", model="starter") in ("cpu", "cuda", "mps")


# --- without a network ----------------------------------------------------------------------------------

OFFLINE = """
import json, time
from indexer import ModelUnavailable, choose_model, load_encoder
import open_clip, huggingface_hub, indexer.encoders.pytorch.open_clip
answers = {}
for name in ("ViT-B-32/laion2b_s34b_b79k", "ViT-B-32-SigLIP2-256/webli", "hf-hub:someone/tiny-clip"):
    started = time.perf_counter()
    try:
        load_encoder(name)
    except ModelUnavailable as error:
        answers[name] = [time.perf_counter() - started, str(error)]
started = time.perf_counter()
name, reason = choose_model()
answers["auto"] = [time.perf_counter() - started, name, reason]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module", params=["refused", "silent"])
def offline(request, tmp_path_factory):
    """The answers of a process with an empty cache, where the hub refuses or never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if request.param == "silent" else 9
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        environment |= {
            "HF_HOME": str(tmp_path_factory.mktemp("empty-cache")),
            "HF_ENDPOINT": f"http://127.0.0.1:{port}",
        }
        ran = subprocess.run(
            [sys.executable, "-c", OFFLINE],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
    return json.loads(ran.stdout)


def test_models_of_the_hub_fail_within_seconds_and_name_the_starter(offline):
    auto = offline.pop("auto", None)
    assert len(offline) == 3
    for seconds, message in offline.values():
        assert seconds < 5
        assert "cannot be reached" in message
        assert "--model starter" in message
    offline["auto"] = auto


def test_auto_takes_the_starter_within_seconds_and_says_why(offline):
    seconds, name, reason = offline["auto"]
    assert seconds < 5
    assert name == "starter"
    assert "cannot be reached" in reason


def test_an_answer_of_any_kind_means_that_the_hub_is_there(monkeypatch):
    class NotFound(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), NotFound) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("no_proxy", "*")
        assert hub.is_reachable()
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert not hub.is_reachable()
        server.shutdown()


def test_without_a_cached_model_the_hub_is_used_and_the_size_told(hub_cache, monkeypatch):
    monkeypatch.setattr(hub, "is_reachable", lambda: True)
    name, reason = choose_model()
    assert name == "ViT-B-32/laion2b_s34b_b79k"
    assert "605 MB" in reason


def test_overlapping_loads_leave_the_hub_client_as_it_was():
    def hold(_):
        with hub.without_network():
            time.sleep(0.01)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hold, range(12)))
    assert not constants.HF_HUB_OFFLINE


# --- tuning ---------------------------------------------------------------------------------------------


def crops():
    for photo in photos():
        yield photo
        width, height = photo.size
        yield photo.crop((width // 4, height // 4, width // 2, height // 2))
        yield photo.resize((width // 8, height // 8))


@pytest.mark.parametrize("which", ["starter", "vit"])
def test_tuning_keeps_embeddings_of_real_pictures(request, which):
    encoder = request.getfixturevalue(which)
    parts = encoder.parts
    with torch.inference_mode():
        pixels = torch.stack([parts.preprocess(picture) for picture in crops()])
        model = copy.deepcopy(parts.model)
        plain = tune.plain_image_tower(model)(pixels)
        tuned = tune.tuned_image_tower(model, pixels, at_once=32)(pixels)
    assert torch.nn.functional.cosine_similarity(plain, tuned.float()).min() >= 0.999


def test_a_tower_that_bfloat16_would_move_stays_in_float32(starter, monkeypatch):
    model = copy.deepcopy(starter.parts.model)
    monkeypatch.setattr(tune, "LEAST_COSINE", 1.1)  # nothing is good enough
    with torch.inference_mode():
        before = model.visual
        tower = tune.tuned_image_tower(model, torch.rand(4, 3, 260, 260), at_once=32)
        assert model.visual is before
        assert tower(torch.zeros(1, 3, 260, 260)).dtype == torch.float32


def test_folding_removes_the_normalisation_and_keeps_the_numbers():
    torch.manual_seed(0)
    tower = open_clip.create_model("RN50", load_weights=False).visual.eval()
    for module in tower.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
            torch.nn.init.uniform_(module.weight, 0.5, 1)
    pixels = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        expected = tower(pixels)
        lean = folded(tower, pixels[:1])
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in lean.modules())
        assert torch.allclose(lean(pixels), expected, atol=1e-4)
        assert torch.equal(tower(pixels), expected)  # the original is as it was


def test_one_picture_is_not_worth_tuning_and_eight_are(vit_folder):
    encoder = load_encoder(str(vit_folder), device="cpu")
    picture = photos()[0]
    one = encoder.encode_images([picture])
    assert not encoder._is_tuned
    many = encoder.encode_images([picture] * 8)
    assert encoder._is_tuned
    assert agreement(np.repeat(one, 8, axis=0), many) >= 0.999


def test_a_strip_is_cut_to_its_middle_without_changing_what_the_model_sees(vit):
    strip = Image.fromarray(np.tile(np.asarray(photos()[0])[:64], (1, 4, 1)))
    whole = vit.parts.preprocess(strip)
    assert torch.allclose(vit.preprocess(strip), whole, atol=0.02)
    assert vit.preprocess(Image.new("RGB", (200_000, 2))).shape == (3, 224, 224)


# --- canaries -------------------------------------------------------------------------------------------


def test_a_canary_that_is_no_number_is_drift():
    unit = np.eye(2, dtype=np.float32)
    assert agreement(unit, unit) == 1
    assert agreement(unit, unit * np.nan) == -1
