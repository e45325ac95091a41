"""The recipe of the starter generator: sources, pictures, chances, and training that may be cut off."""

import io
import os
import signal
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from generation.request import GenerationRequest
from generation.starter.generator import load_starter

sys.path.insert(0, str(Path(__file__).parents[1] / "data" / "generator"))
import loop
import picture_set
import sources


def webp(colour, size=(60, 80)):
    picture = Image.new("RGB", size, "white")
    picture.paste(colour, (size[0] // 3, size[1] // 3, size[0] // 2, size[1] // 2))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def product(number, article="Shirts", colour="Blue"):
    return {
        "id": str(number),
        "gender": "Men",
        "articleType": article,
        "baseColour": colour,
        "usage": "Casual",
        "title": f"Shirt number {number}",
        "image": webp("blue"),
    }


def thing(name, label, source, **more):
    facts = {"file": name, "captions": [f"the {name}"], "label": label, "domain": "home", "source": source}
    return facts | {"image": webp("green", (224, 150))} | more


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """All packs, two pictures or so each."""
    folder = tmp_path_factory.mktemp("packs")
    (folder / "broad").mkdir()
    packs = {
        name: [thing(f"{name}-{i}", "chair", "x") for i in range(2)]
        for name in sources.PACKS
        if "broad" in name
    }
    packs["broad/home"] = [thing("a", "Table", "ikea"), thing("b", None, "sweethome3d")]
    packs["broad/objects"].append(thing("painted", "dog", "pacs", domain="art"))
    packs["broad/textbooks"] = [
        thing("free", None, "openstax/osbooks-physics"),
        thing("not", None, "openstax/osbooks-chemistry-bundle"),
    ]
    packs["fashion-train"] = [product(1), product(2, "Watches", "NA"), *[product(n) for n in range(10, 40)]]
    packs["fashion-large"] = [
        {
            "id": 1,
            "articleType": "Shirts",
            "baseColour": "Blue",
            "title": "x",
            "image": webp("red", (224, 224)),
        }
    ]
    packs["clothing-train"] = [{"file": "c", "label": "hat", "image": webp("red")}]
    packs["flickr8k-train"] = [{"file": "f", "captions": ["a dog runs"], "image": webp("red")}]
    for name, rows in packs.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def prepared(data, tmp_path_factory):
    return picture_set.prepare(data, tmp_path_factory.mktemp("prepared"))


def test_a_product_is_taken_once_at_its_larger_size_with_its_true_proportions(data):
    products = [source for source in sources.read_sources(data) if source.pack == "fashion-train"]
    assert len(products) == 32
    assert products[0].open().size == (168, 224)
    assert products[1].open().size == (60, 80)
    assert (products[0].kind, products[0].colour, products[1].colour) == ("shirt", "blue", "")
    assert "blue shirt" in products[0].phrases


def test_what_is_said_of_a_thing_holds_its_label_and_its_captions(data):
    table = next(source for source in sources.read_sources(data) if source.name == "broad/home/a")
    assert table.kind == "table"
    assert {"table", "a table", "the a"} <= set(table.phrases)


def test_drawn_pictures_are_left_out_and_terms_are_known(data):
    commercial = {source.name: source.commercial for source in sources.read_sources(data)}
    assert "broad/objects/painted" not in commercial
    assert [name for name, free in commercial.items() if not free] == [
        "broad/home/a",
        "broad/tinyimagenet/broad/tinyimagenet-0",
        "broad/tinyimagenet/broad/tinyimagenet-1",
        "flickr8k-train/f",
        "broad/textbooks/not",
    ]


def test_pictures_keep_their_true_resolution_and_their_background(prepared):
    assert prepared.pixels.shape[1:] == (128, 128, 3)
    assert len(prepared) == len(prepared.table)
    by_name = dict(zip(prepared.column("name"), prepared.column("side"), strict=True))
    assert by_name["fashion/1"] == 128
    assert by_name["fashion/2"] == 80
    assert prepared.column("plain").all()


def test_a_second_run_reads_what_the_first_made(prepared, data, tmp_path):
    first = picture_set.prepare(data, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert (picture_set.prepare(data, tmp_path).pixels == first.pixels).all()
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert (prepared.pixels == first.pixels).all()


def test_each_group_has_its_share_and_rare_kinds_come_more_often(prepared):
    rows = prepared.training_rows()
    weights = prepared.weights(rows)
    groups, kinds = prepared.column("group")[rows], prepared.column("kind")[rows]
    assert weights.sum() == pytest.approx(1)
    for group, share in sources.SHARES.items():
        assert weights[groups == group].sum() == pytest.approx(share)
    fashion = groups == "fashion"
    common, rare = weights[fashion & (kinds == "shirt")], weights[fashion & (kinds != "shirt")]
    assert rare.min() > common.max()
    count = (fashion & (kinds == "shirt")).sum()
    assert rare[0] / common[0] == pytest.approx((count / 8) ** 0.5)


def test_non_commercial_pictures_can_be_left_out(prepared):
    rows = prepared.training_rows(non_commercial=False)
    assert prepared.column("commercial")[rows].all()
    assert len(rows) < len(prepared.training_rows())


def test_the_rate_rises_stays_and_falls_with_the_root():
    schedule = loop.Schedule(steps=20_000, rate=1.0, level=1_000, fall=1_000)
    assert schedule.rate_at(0) == pytest.approx(1 / 200)
    assert schedule.rate_at(500) == 1
    assert schedule.rate_at(4_000) == 0.5
    assert schedule.rate_at(19_999) == pytest.approx(schedule.rate_at(18_999) / 1_000, rel=0.1)


def regression(seed=0):
    """A small module and its loss, whose random numbers follow from the step."""
    torch.manual_seed(seed)
    module = torch.nn.Linear(3, 2)
    truth = torch.tensor([[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]])

    def loss(step):
        inputs = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        return (module(inputs) - inputs @ truth.T).square().mean()

    return module, loss


def test_training_that_was_told_to_end_goes_on_as_if_it_had_not(tmp_path):
    schedule = loop.Schedule(steps=300, rate=0.02, level=100)
    whole, loss = regression()
    loop.train(whole, loss, schedule, tmp_path / "whole", lambda step: None)
    begun, own = regression()

    def told_to_end(step):
        if step == 119:
            signal.raise_signal(signal.SIGTERM)
        return own(step)

    assert loop.train(begun, told_to_end, schedule, tmp_path / "part", lambda step: None).step == 120
    resumed, own = regression(seed=7)  # what a new process begins with does not matter
    assert loop.train(resumed, own, schedule, tmp_path / "part", lambda step: None).step == 300
    assert torch.allclose(resumed.weight, whole.weight, atol=1e-6)
    assert loss(0) < 0.1


def test_averages_are_measured_and_training_keeps_its_own_weights(tmp_path):
    module, loss = regression()
    measured = []
    schedule = loop.Schedule(steps=50, rate=0.02, level=100, save_minutes=0)
    loop.train(module, loss, schedule, tmp_path, lambda step: measured.append(float(loss(0))))
    assert len(measured) == 50
    assert measured[-1] < measured[5]


@pytest.mark.slow
def test_from_packs_to_a_generator(data, tmp_path):
    """Every script of the recipe, two steps each, and what comes out makes a picture."""
    recipe = Path(__file__).parents[1] / "data" / "generator"
    lines = [
        ["picture_set.py", data, tmp_path / "pictures"],
        ["autoencoder.py", tmp_path, "both", "--steps", "2"],
        ["latents.py", tmp_path],
        ["conditions.py", data, tmp_path],
        ["denoiser.py", tmp_path, "--steps", "2"],
        ["autoencoder.py", tmp_path, "decoder", "--steps", "2"],
    ]
    environment = os.environ | {"PYTHONPATH": str(recipe.parents[1])}

    def call(script, *arguments):
        return run(
            [sys.executable, recipe / script, *arguments], capture_output=True, text=True, env=environment
        )

    for line in lines:
        done = call(*line)
        assert done.returncode == 0, done.stderr
    assert call("autoencoder.py", tmp_path, "both", "--steps", "3").returncode == 1  # the encoder stays
    generator = load_starter(tmp_path / "generator")
    assert generator.info.size == (128, 128)
    embedding = np.full(512, 512**-0.5, np.float32)
    request = GenerationRequest(prompt="", embedding=embedding, seed=1, steps=2)
    assert generator.generate(request)[0].image.size == (256, 256)
