"""The command ``train-lora``."""

import json

import pytest

from tests.colour_pictures import write_pictures
from tests.tiny_diffusion import save_pipeline


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """Run a command over seven captioned pictures, as in ``code, out, err = run("train-lora", ...)``."""
    monkeypatch.setenv("FINDMAKE_COLLECTION", str(tmp_path / "c"))
    for path in write_pictures(tmp_path / "photos", 7):
        path.with_suffix(".txt").write_text(f"a {path.stem.split('_')[-1]} shoe")
    assert command("index", "photos", "--model", "colours")[0] == 0
    return command


def test_a_folder_is_trained_and_gone_on_with(run, tmp_path):
    base = save_pipeline(tmp_path / "tiny")
    training = ("train-lora", base, "--out", "mine", "--rank", 2, "--device", "cpu")
    code, out, err = run(*training, "--steps", 2)
    assert (code, out) == (0, "")
    assert "Learned from 7 pictures in 2 steps" in err
    assert "Look at mine/samples.png" in err
    code, _, err = run(*training, "--steps", 3)
    assert code == 1
    assert "a training was begun there. Go on from it with --resume" in err
    code, out, _ = run(*training, "--steps", 3, "--resume", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["out"], told["pictures"], told["steps"], told["unreadable"]) == ("mine", 7, 3, 0)


def test_what_cannot_be_trained_is_told(run, tmp_path):
    code, _, err = run("train-lora", "nothing", "--out", "mine")
    assert code == 5
    assert "The generator 'nothing' cannot be loaded: there is no such folder" in err
    code, _, err = run("train-lora", "nothing", "--out", "mine", "--rank", 0)
    assert code == 1
    assert "rank 0" in err
    (tmp_path / "file").write_text("")
    code, _, err = run("train-lora", "nothing", "--out", "file")
    assert code == 1
    assert "Cannot train into file" in err
