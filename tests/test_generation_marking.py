"""What is written into a generated picture's file: readable by us and by others, whatever the words are."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from generation.marks.metadata import SOURCE_TYPE, mark_image, mark_png, parameters_text, provenance_json
from indexer import Generated
from indexer.marks import Mark, find_mark
from indexer.marks.containers import parts_of
from indexer.marks.tools import mark_in_texts
from tests.image_files import plain_noise

IMAGE = plain_noise(24, 16)
FORMS = ["PNG", "JPEG", "WEBP"]
SECRETS = ["grandmother", "blurred", "a chair like hers", "no match", "4711", "holiday"]
MADE = Generated(
    prompt="grandmother's chair, teal",
    negative_prompt="blurred",
    model="starter",
    revision="0a1b2c",
    mode="text-to-image",
    seed=2**63 - 1,
    scheduler="ddim",
    steps=25,
    guidance=2.5,
    width=64,
    height=48,
    parents=(4711, 4712),
    for_query="a chair like hers",
    verdict="no match",
    extras={"lora": "/home/anna/holiday.safetensors", "strength": 0.5, "tiled": False, "style": None},
    at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_the_png_says_how_it_was_made_in_three_ways_and_keeps_its_pixels():
    image = opened(mark_png(IMAGE, MADE))
    assert np.array_equal(np.asarray(image), np.asarray(IMAGE))
    assert image.text["parameters"] == (
        "grandmother's chair, teal\nNegative prompt: blurred\nSteps: 25, Sampler: ddim, CFG scale: 2.5, "
        "Seed: 9223372036854775807, Size: 64x48, Model: starter, Version: findmake"
    )
    told = json.loads(image.text["findmake"])
    assert told == {
        "format": 1,
        "model": "starter",
        "revision": "0a1b2c",
        "mode": "text-to-image",
        "seed": 2**63 - 1,
        "steps": 25,
        "scheduler": "ddim",
        "guidance": 2.5,
        "width": 64,
        "height": 48,
        "prompt": "grandmother's chair, teal",
        "negative_prompt": "blurred",
        "for_query": "a chair like hers",
        "verdict": "no match",
        "parents": [4711, 4712],
        "extras": {"lora": "holiday.safetensors", "strength": 0.5, "tiled": False, "style": None},
        "at": "2026-01-02T03:04:05+00:00",
    }
    [description] = ElementTree.fromstring(image.text["XML:com.adobe.xmp"])[0]
    assert description.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType") == SOURCE_TYPE
    assert description.get("{http://ns.adobe.com/xap/1.0/}CreatorTool") == "findmake"
    assert description.get("{http://ns.adobe.com/xap/1.0/}CreateDate") == "2026-01-02T03:04:05+00:00"


def test_equal_provenance_gives_equal_bytes():
    assert mark_png(IMAGE, MADE) == mark_png(IMAGE, replace(MADE))


@pytest.mark.parametrize("form", FORMS)
def test_the_mark_is_found_again_in_every_form(form):
    mark = find_mark(mark_image(IMAGE, MADE, form=form))
    assert mark == Mark(
        name="findmake", model="starter", prompt=MADE.prompt, negative_prompt="blurred", seed=2**63 - 1
    )


@pytest.mark.parametrize("form", FORMS)
def test_without_metadata_nothing_of_the_words_stays_but_the_mark_does(form):
    data = mark_image(IMAGE, MADE, form=form, prompt_metadata=False)
    for secret in SECRETS:
        for encoding in ("utf-8", "utf-16-be", "utf-16-le"):
            assert secret.encode(encoding) not in data
    assert find_mark(data) == Mark(name="findmake", model="starter", seed=2**63 - 1)
    assert SOURCE_TYPE.encode() in data
    whole = mark_image(IMAGE, MADE, form="PNG")
    assert all(secret.encode() in whole for secret in SECRETS)  # so that the above can fail


@pytest.mark.parametrize("form", FORMS)
def test_each_mark_stands_alone(form):
    """Whatever a service strips, the texts or the XMP: what is left is recognised."""
    parts = parts_of(mark_image(IMAGE, MADE, form=form))
    assert SOURCE_TYPE.encode() in parts.xmp
    without_json = parts.xmp.replace(b"findmake:provenance", b"other:provenance")
    bare = io.BytesIO()
    IMAGE.save(bare, "JPEG", xmp=without_json)
    assert find_mark(bare.getvalue()) == Mark(name="findmake")
    bare = io.BytesIO()
    if parts.exif:
        IMAGE.save(bare, "WEBP", exif=parts.exif)
    else:
        info = PngInfo()
        info.add_text("parameters", parts.texts["parameters"])
        IMAGE.save(bare, "PNG", pnginfo=info)
    mark = find_mark(bare.getvalue())
    assert (mark.name, mark.prompt, mark.seed) == ("AUTOMATIC1111", MADE.prompt, MADE.seed)


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("/home/anna/models/sd", "sd"),
        ("~/models/sd", "sd"),
        ("C:\\Users\\Anna\\sd", "sd"),
        ("runwayml/stable-diffusion", "runwayml/stable-diffusion"),
        ("models/sd", "models/sd"),
    ],
)
def test_folders_of_the_person_are_not_told(model, shown):
    assert json.loads(provenance_json(replace(MADE, model=model)))["model"] == shown
    data = mark_png(IMAGE, replace(MADE, model=model))
    assert b"anna" not in data.lower()
    assert find_mark(data).model == shown


TEXT = st.text(st.characters(codec=None), max_size=60)


@given(TEXT, TEXT, st.sampled_from(FORMS))
@example("<&>\"'\\ ]]> -->\x00\x01\x1f\x7f\ufffe\ud800", "\ud83d", "JPEG")
@example("Negative prompt: x\nSteps: 1, Sampler: y, Seed: 2", "Steps: 3, Size: 1x1, Seed: 4", "PNG")
@example("é\r\n雪 🦊", "{}", "WEBP")
def test_any_words_come_back_as_they_were(prompt, negative, form):
    made = replace(MADE, prompt=prompt, negative_prompt=negative, model='a, "b": <c>&\'')
    mark = find_mark(mark_image(IMAGE, made, form=form))
    assert mark == Mark(
        name="findmake",
        model='a, "b": <c>&\'',
        prompt=prompt or None,
        negative_prompt=negative or None,
        seed=MADE.seed,
    )
    parts = parts_of(mark_image(IMAGE, made, form=form))
    ElementTree.fromstring(parts.xmp)


PLAIN = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1).map(str.strip).filter(bool)


@given(PLAIN, PLAIN)
def test_others_read_the_parameters_as_they_were_meant(prompt, model):
    made = replace(MADE, prompt=f"a {prompt}", model=f"a {model}")
    mark = mark_in_texts({"parameters": parameters_text(made)})
    assert (mark.name, mark.prompt, mark.negative_prompt) == ("AUTOMATIC1111", f"a {prompt}", "blurred")
    assert mark.seed == MADE.seed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [20_000, 70_000, 400_000])
def test_words_too_long_for_the_file_leave_the_mark(form, length):
    made = replace(MADE, prompt="long " * (length // 5), extras={})
    mark = find_mark(mark_image(IMAGE, made, form=form))
    assert mark.name == "findmake"
    assert mark.seed == MADE.seed
    if form == "PNG" or length < 50_000:
        assert mark.prompt == made.prompt
    assert find_mark(mark_image(IMAGE, replace(made, model="m" * 100_000), form=form)).name == "findmake"
