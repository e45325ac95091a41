"""Models that run without torch: the same embeddings, found in the cache, never in the way."""

import json
import subprocess
import sys

import ftfy
import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from indexer import Collection, ModelUnavailable, load_encoder, prepare, shorten, worth_preparing
from indexer.encoders import runtime
from indexer.encoders.canaries import agreement, canary_pictures
from indexer.encoders.onnx import cache as onnx_files
from indexer.encoders.onnx import clean_text as cleaning
from indexer.encoders.onnx.clean_text import cleaned
from indexer.encoders.onnx.tokenizer import NotExportable, exported_tokenizer
from indexer.encoders.preprocess import to_pixels, without_far_ends
from tests.colour_encoder import ColourEncoder

TEXTS = ["a red bicycle", "", "word " * 300, "A&amp;B  \u00e9t\u00e9", "Ã©tÃ©", "\u4f60\u597d", "\t42\n"]
HEAVY = ("torch", "torchvision", "open_clip", "transformers", "timm", "diffusers", "streamlit", "sklearn")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A cache of models that no other test sees."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cached(cache, monkeypatch):
    monkeypatch.setattr(onnx_files.platformdirs, "user_cache_path", lambda *_, **__: cache)
    return cache


@pytest.fixture
def starter(cached):
    """The starter by torch, exported by the first test that needs it."""
    encoder = load_encoder("starter", device="cpu", runtime="torch")
    assert prepare(encoder) is None
    return encoder


def exported(starter):
    found = load_encoder("starter", device="cpu", spec=starter.spec)
    assert type(found).__name__ == "OnnxEncoder"
    return found


def pictures():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (37, 211, 3), np.uint8))
    clear = Image.new("RGBA", (64, 80), (200, 10, 10, 120))
    return [*canary_pictures(), noise, noise.convert("L"), noise.convert("P"), clear, noise.resize((3, 900))]


@pytest.mark.slow
def test_the_starter_gives_the_same_embeddings_without_torch(starter):
    light = exported(starter)
    assert light.spec == starter.spec
    for kind, inputs in (("texts", TEXTS), ("images", pictures())):
        expected, found = (getattr(one, f"encode_{kind}")(inputs) for one in (starter, light))
        assert found.dtype == np.float32
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
        least = 0.9999 if kind == "texts" else 0.999  # the tuned image tower of torch may be in short floats
        assert np.vecdot(expected, found).min() > least
        assert getattr(light, f"encode_{kind}")([]).shape == (0, 512)
    assert light.exceeds_context(TEXTS) == starter.exceeds_context(TEXTS)
    assert any(light.exceeds_context(TEXTS))


@pytest.mark.slow
def test_what_else_is_in_the_batch_does_not_count(starter):
    light = exported(starter)
    many = light.encode_texts([*TEXTS, *(f"text {number}" for number in range(40))])
    alone = light.encode_texts(["a red bicycle"])
    assert float(many[0] @ alone[0]) > 0.9999
    assert len(many) == len(TEXTS) + 40


@pytest.mark.slow
def test_a_tower_is_held_once_unless_it_is_needed_both_ways(starter):
    light = exported(starter)
    light._cores = 2
    few, many = [f"text {number}" for number in range(4)], [f"text {number}" for number in range(40)]
    first = light.encode_texts(few)  # as canaries are, before a run that indexes
    rows = light.encode_texts(many)
    assert set(light._sessions) == {(onnx_files.TEXT_TOWER, 1)}
    last = light.encode_texts(few)
    assert set(light._sessions) == {(onnx_files.TEXT_TOWER, 1)}, "what is there will do for a few"
    alone = light.encode_texts(few[:1])
    assert set(light._sessions) == {(onnx_files.TEXT_TOWER, 1), (onnx_files.TEXT_TOWER, 2)}
    for found in (rows[:4], last, np.concatenate([alone, first[1:]])):
        np.testing.assert_allclose(found, first, atol=1e-4)
    other = exported(starter)
    other._cores = 2
    other.encode_texts(few[:1])
    other.encode_texts(few)
    assert set(other._sessions) == {(onnx_files.TEXT_TOWER, 2)}, "as in a process that serves"


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["cut", "gone", "text", "other"])
def test_a_broken_export_counts_as_none_and_is_made_again(starter, harm, tmp_path, monkeypatch):
    folder = onnx_files.folder_of(starter.spec)
    facts = (folder / onnx_files.FACTS).read_text()
    tokens = (folder / onnx_files.TOKENIZER).read_bytes()
    try:
        if harm == "cut":
            (folder / onnx_files.TOKENIZER).write_bytes(tokens[:-1])
        elif harm == "gone":
            (folder / onnx_files.TOKENIZER).unlink()
        elif harm == "text":
            (folder / onnx_files.FACTS).write_text("[]")
        else:
            told = json.loads(facts)
            told["spec"]["weights_sha256"] = "0"
            (folder / onnx_files.FACTS).write_text(json.dumps(told))
        assert not runtime.is_prepared(starter.spec)
        assert worth_preparing(starter.spec, "cpu")
        assert load_encoder("starter", device="cpu", spec=starter.spec).device == "cpu", "torch, as before"
    finally:
        (folder / onnx_files.FACTS).write_text(facts)
        (folder / onnx_files.TOKENIZER).write_bytes(tokens)
    assert runtime.is_prepared(starter.spec)


def test_an_interrupted_export_leaves_nothing(tmp_path):
    folder = tmp_path / "model"

    def interrupted():
        with onnx_files.replacing(folder) as made:
            (made / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["model.lock"]
    with onnx_files.replacing(folder) as made:
        (made / "whole").write_text("whole")
        with onnx_files.replacing(folder) as other:
            assert other is None, "one process at a time"
    assert (folder / "whole").is_file()


@pytest.mark.slow
def test_what_older_formats_left_goes_when_the_new_one_is_there(tmp_path):
    folders = {name: tmp_path / name for name in ("3-abc", "2-abc", "1-abc", "2-other", "4-abc", "note-abc")}
    for name, folder in folders.items():
        if name != "3-abc":
            folder.mkdir()
            (folder / "text.onnx").write_bytes(b"old")
    with onnx_files.replacing(folders["3-abc"]) as made:
        (made / "text.onnx").write_bytes(b"new")
        assert folders["2-abc"].exists()
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == set(folders) - {"2-abc", "1-abc"}


def test_a_search_without_torch_imports_none_of_it(starter, cached, tmp_path):
    script = f"""
import sys
import platformdirs
from pathlib import Path
platformdirs.user_cache_path = lambda *_, **__: Path({str(cached)!r})
import os
os.environ["FINDMAKE_RUNTIME"] = "auto"
from ui import cli
code = cli.main(["search", "a red thing", "-k", "3", "--collection", {str(tmp_path / "c")!r}])
print(code, sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
    for number, picture in enumerate(pictures()[:4]):
        picture.save(tmp_path / f"{number}.png")
    from indexer import Collection, index_sources, open_source

    collection = Collection.create(tmp_path / "c", starter)
    index_sources(collection, starter, [open_source(tmp_path)])
    collection.close()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stderr.splitlines()[-1] == "0 []", done.stderr
    assert "0.png" in done.stdout


def test_only_models_of_the_list_are_prepared_by_themselves(cached):
    encoder = ColourEncoder()
    assert not worth_preparing(encoder.spec, "cpu")
    assert prepare(encoder) == "it does not run by torch on the processor"


def test_an_unknown_runtime_is_told():
    with pytest.raises(ModelUnavailable, match="there is no runtime 'gpu'"):
        load_encoder("starter", runtime="gpu")


@pytest.mark.parametrize("size", [(1, 1), (1, 5_000), (5_000, 1), (333, 77), (224, 224), (225, 448)])
@pytest.mark.parametrize("resize", ["squash", "shortest"])
def test_pixels_are_those_of_torchvision(size, resize):
    settings = onnx_files.PixelSettings(
        size=224, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4), interpolation="bicubic", resize=resize
    )
    transform = open_clip.image_transform(
        224, is_train=False, mean=settings.mean, std=settings.std, resize_mode=resize, interpolation="bicubic"
    )
    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))
    shown = without_far_ends(picture) if resize == "shortest" else picture
    assert np.abs(to_pixels(picture, settings) - transform(shown).numpy()).max() < 1e-4


# -- tokens ------------------------------------------------------------------------------------------------


TOKENIZER = open_clip.tokenizer.SimpleTokenizer()
# What has no meaning yet may be a letter to one library and not to another, by their ages.
ASSIGNED = st.characters(exclude_categories=["Cn", "Cs", "Co"])


def same_tokens(tokenizer, texts):
    """Compare with open_clip's own tokens, filled up."""
    found = exported_tokenizer(tokenizer)
    found.tokenizer.enable_truncation(found.context)
    for text in texts:
        ids = found.tokenizer.encode(cleaned(text, found.cleaning)).ids
        ids += [found.padding] * (found.context - len(ids))
        assert ids == tokenizer([text])[0].tolist(), text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(ASSIGNED, max_size=120), min_size=1, max_size=4))
def test_open_clips_own_tokenizer_gives_the_same_tokens(texts):
    same_tokens(TOKENIZER, texts)


HARD = [
    *TEXTS,
    "It's 2024!! don't",
    "\U0001f600 \u00bd\u00b2 \u0391\u0392",
    "a" * 400,
    "<end_of_text> b",
    "_a_ (b)",
]


@pytest.mark.parametrize("cleaning", ["whitespace", "lower", "canonicalize"])
def test_texts_are_cleaned_as_open_clip_does(cleaning):
    clean = open_clip.tokenizer.get_clean_fn(cleaning)
    for text in HARD:
        assert cleaned(text, cleaning) == clean(text)
    same_tokens(open_clip.tokenizer.SimpleTokenizer(clean=cleaning), [text.lower() for text in HARD])


def test_a_tokenizer_with_ways_of_its_own_is_told():
    with pytest.raises(NotExportable, match="shortens texts"):
        exported_tokenizer(open_clip.tokenizer.SimpleTokenizer(reduction_mask="simple"))
    with pytest.raises(NotExportable, match="needs torch"):
        exported_tokenizer(object())


@pytest.mark.slow
def test_a_clip_model_of_the_usual_kind_needs_no_torch(tmp_path, cached):
    """The commonest architecture, small and with random weights, from a folder as people save theirs."""
    config = open_clip.get_model_config("ViT-B-32")
    config["vision_cfg"] |= {"layers": 2, "width": 64, "head_width": 32, "image_size": 64}
    config["text_cfg"] |= {"layers": 2, "width": 64, "heads": 2}
    config["embed_dim"] = 64
    model = open_clip.CLIP(
        embed_dim=64, vision_cfg=config["vision_cfg"], text_cfg=config["text_cfg"], quick_gelu=True
    )
    settings = {"size": 64, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}
    settings |= {"resize_mode": "shortest"}
    told = {"model_cfg": {**config, "quick_gelu": True}, "preprocess_cfg": settings}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(told))
    save_file(model.state_dict(), tmp_path / "open_clip_model.safetensors")
    by_torch = load_encoder(str(tmp_path), device="cpu", runtime="torch")
    assert prepare(by_torch) is None
    light = load_encoder(str(tmp_path), device="cpu", spec=by_torch.spec)
    assert type(light).__name__ == "OnnxEncoder"
    assert agreement(by_torch.encode_texts(HARD), light.encode_texts(HARD)) > 0.9999
    assert agreement(by_torch.encode_images(pictures()), light.encode_images(pictures())) > 0.9995
    assert light.exceeds_context(HARD) == by_torch.exceeds_context(HARD)


def _wide_clip(folder):
    """A CLIP model of the usual kind, so wide that its matrices are most of its work."""
    config = open_clip.get_model_config("ViT-B-32")
    config["vision_cfg"] |= {"layers": 2, "width": 512, "head_width": 64, "image_size": 224}
    config["text_cfg"] |= {"layers": 2, "width": 512, "heads": 8}
    torch.manual_seed(0)
    model = open_clip.CLIP(
        embed_dim=512, vision_cfg=config["vision_cfg"], text_cfg=config["text_cfg"], quick_gelu=True
    )
    settings = {"size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}
    told = {
        "model_cfg": {**config, "quick_gelu": True},
        "preprocess_cfg": settings | {"resize_mode": "shortest"},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(told))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return load_encoder(str(folder), device="cpu", runtime="torch")


@pytest.mark.slow
def test_towers_in_eight_bits_are_near_quicker_and_used_only_when_asked_for(tmp_path, cached, monkeypatch):
    by_torch = _wide_clip(tmp_path)
    spec = by_torch.spec
    with pytest.raises(FileNotFoundError):
        shorten(spec)
    assert prepare(by_torch) is None
    monkeypatch.setattr("indexer.encoders.onnx.quantize._LEAST_GAIN", 0.1)  # this machine may be busy
    made = shorten(spec)
    assert [each.kind for each in made] == ["image", "text"]
    assert all(each.kept and each.cosine >= 0.995 for each in made)
    usual, short = (
        load_encoder(str(tmp_path), device="cpu", spec=spec, runtime=name) for name in ("auto", "int8")
    )
    for kind, inputs in (("texts", TEXTS), ("images", pictures())):
        exact, found, reference = (getattr(one, f"encode_{kind}")(inputs) for one in (usual, short, by_torch))
        assert agreement(exact, reference) > 0.9995
        assert 0.99 < agreement(found, reference) < 0.99999
        alone = getattr(short, f"encode_{kind}")(inputs[-1:])
        np.testing.assert_array_equal(alone[0], found[-1])  # whatever else is in the batch
    collection = Collection.create(tmp_path / "c", usual)
    collection.verify(short)  # near enough for a collection that the full towers made
    collection.close()


@pytest.mark.slow
def test_a_short_form_that_is_too_far_or_broken_is_not_used(starter, monkeypatch):
    monkeypatch.setattr("indexer.encoders.onnx.quantize.LEAST_COSINE", 0.99999)
    assert not any(each.kept for each in shorten(starter.spec))
    folder = onnx_files.folder_of(starter.spec)
    assert onnx_files.short_towers(folder) == {}
    (folder / onnx_files.SHORT).write_text('{"image.int8.onnx": 7}')
    (folder / "image.int8.onnx").write_bytes(b"broken")
    assert onnx_files.short_towers(folder) == {}
    (folder / onnx_files.SHORT).unlink()


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_plain_texts_need_no_mending(text):
    assert cleaning._mended(text) == ftfy.fix_text(text)
