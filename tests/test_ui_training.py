"""The command train-generator, as a person runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FINDMAKE = [sys.executable, "-m", "ui.cli"]
ROOT = Path(__file__).parents[1]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*FINDMAKE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def collection(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    random = np.random.default_rng(0)
    for number in range(110):
        pixels = np.full((40, 30, 3), 255, np.uint8)
        pixels[8:32, 6:24] = random.integers(0, 255, 3)
        Image.fromarray(pixels).save(folder / f"square {number}.png")
    where = folder / "collection"
    done = run("index", folder, "--collection", where, "--model", "starter")
    assert done.returncode == 0, done.stderr
    return where


@pytest.mark.slow
def test_a_collection_gets_a_generator_of_its_own(collection, tmp_path):
    out = tmp_path / "mine"
    done = run("train-generator", out, "--collection", collection, "--steps", 2, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["pictures"] == 110
    assert told["steps"] == 2
    assert told["finished"]
    assert (out / "model_index.json").exists()
    assert (out / "samples" / "last.png").exists()
    filled = run(
        "fill", "a green square", "--force", "--generator", out, "-n", 1, "--collection", collection, "--json"
    )
    assert filled.returncode in (0, 1), filled.stderr  # two steps teach nothing: it need not convince
    report = json.loads(filled.stdout)
    assert len(report["candidates"]) == 1


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_learned(collection, tmp_path):
    out = tmp_path / "mine"
    command = [*FINDMAKE, "train-generator", str(out), "--collection", str(collection), "--steps", "60"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        until = time.monotonic() + 120
        while not (out / "training" / "start" / "model_index.json").exists() and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "The same command goes on from there" in told
    assert list((out / "training").glob("*/last.safetensors"))
    assert not list(out.rglob("*.new"))


def test_too_few_pictures_are_said(tmp_path):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "one.png")
    where = tmp_path / "collection"
    run("index", tmp_path, "--collection", where, "--model", "starter")
    done = run("train-generator", tmp_path / "mine", "--collection", where)
    assert done.returncode == 1
    assert "has 1 pictures; training a generator needs at least 100" in done.stderr


@pytest.mark.parametrize(("flag", "value"), [("--minutes", "-3"), ("--steps", "-1")])
def test_a_training_of_no_length_is_refused(collection, tmp_path, flag, value):
    done = run("train-generator", tmp_path / "mine", "--collection", collection, flag, value)
    assert done.returncode == 1
    assert "above 0" in done.stderr
