"""The commands fill, gaps and regenerate, with the tiny encoder and the tiny generator."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

import generation
from indexer import Collection, Unanswered
from tests.colour_encoder import ColourEncoder
from tests.colour_generator import ColourGenerator
from tests.gap_shelf import make_shelf
from tests.tiny_diffusion import save_pipeline


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """Run a command over a shelf without yellow, as in ``code, out, err = run("fill", "yellow")``."""
    make_shelf(tmp_path).collection.close()
    monkeypatch.setenv("FINDMAKE_COLLECTION", str(tmp_path / "shelf"))
    monkeypatch.setattr(
        generation, "load_generator", lambda name, **options: ColourGenerator(), raising=False
    )
    return command


def generated_with(monkeypatch, generator):
    monkeypatch.setattr(generation, "load_generator", lambda name, **options: generator, raising=False)


def log(tmp_path, text, *, times=1, days=0):
    collection = Collection.open(tmp_path / "shelf")
    row = ColourEncoder().encode_texts([text])[0]
    miss = Unanswered(text=text, kind="text", verdict="no match", coverage=0.1, embedding=row)
    for _ in range(times):
        assert collection.log_miss(miss, datetime.now(UTC) - timedelta(days=days))
    collection.close()


def test_fill_as_a_table(run, tmp_path):
    code, out, err = run("fill", "yellow", "--seed", 0, "-n", 3, "--out", "made")
    assert code == 0
    assert out.splitlines()[0].split() == ["prob", "verdict", "seed", "id"]
    assert len(out.splitlines()) == 4
    assert out.splitlines()[1].split()[-1] == "kept"
    assert "no match (coverage" in err
    assert "Prompt: " in err
    assert "findmake promote 97" in err
    assert (tmp_path / "made" / "yellow-97.png").is_file()
    code, out, err = run("fill", "yellow")
    assert (code, out) == (0, "")
    assert "what was made before answers it" in err
    assert "Items: 97" in err
    assert run("promote", 97)[0] == 0
    assert run("discard", 97)[0] == 0


def test_the_option_names_the_generator_else_the_environment(run, monkeypatch):
    asked = []

    def load(name, **options):
        asked.append(name)
        return ColourGenerator()

    monkeypatch.setattr(generation, "load_generator", load, raising=False)
    assert run("fill", "yellow", "--seed", 0)[0] == 0
    monkeypatch.setenv("FINDMAKE_GENERATOR", "/models/mine")
    for arguments in (["fill", "yellow", "--force"], ["fill", "yellow", "--force", "--generator", "other"]):
        run(*arguments, "--seed", 0)
    run("regenerate", 97)
    assert asked == ["starter", "/models/mine", "other", "colours"]


def test_a_mask_keeps_the_rest_of_a_picture(run, monkeypatch, tmp_path):
    """By a real Stable Diffusion pipeline, tiny and with random weights, over the loader that people use."""
    from generation.loader import load_generator

    monkeypatch.setattr(generation, "load_generator", load_generator, raising=False)
    folder = save_pipeline(tmp_path / "tiny")
    (tmp_path / "shelf" / "safety.json").write_text(
        '{"concepts": {}}'
    )  # to the tiny encoder, noise is anything
    start = Image.new("RGB", (32, 32), "red")
    start.save(tmp_path / "bag.png")
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 32, 16))
    mask.save(tmp_path / "mask.png")
    query = (tmp_path / "bag.png", "+", "2:yellow")
    how = ("--start", "query", "--force", "-n", 1, "--steps", 2, "--seed", 0, "--generator", folder)
    code, _, err = run("fill", *query, *how, "--mask", tmp_path / "mask.png", "--out", "made")
    assert code in (0, 1), err
    [made] = (tmp_path / "made").glob("*.png")
    with Image.open(made) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert (pixels[16:] == (255, 0, 0)).all()
    assert (pixels[:16] != (255, 0, 0)).any()
    code, _, err = run("fill", "yellow", "--force", "--mask", tmp_path / "mask.png")
    assert code == 1
    assert "a start picture that it belongs to" in err


def test_fill_as_json(run, tmp_path):
    code, out, _ = run("fill", "yellow", "--seed", 0, "-n", 3, "--kind", "photo", "--json", "--no-metadata")
    answer = json.loads(out)
    assert code == 0
    assert answer.keys() == {
        *("query", "verdict", "coverage", "reason", "outcome", "prompt", "candidates", "kept", "reused"),
        *("seconds", "exported"),
    }
    assert (answer["verdict"], answer["outcome"], answer["kept"]) == ("no match", "filled", [97])
    assert answer["prompt"]["text"] == "photo of yellow, natural light, sharp focus"
    assert [each["seed"] for each in answer["candidates"]][-1] == 2
    assert answer["candidates"][0].keys() == {"seed", "probability", "coverage", "verdict", "refused", "id"}
    answer = json.loads(run("fill", "red", "--json")[1])
    assert (answer["outcome"], answer["prompt"], answer["candidates"]) == ("not needed", None, [])


def test_what_does_not_convince_is_told_and_shown_with_its_mark(run, tmp_path):
    code, out, err = run("fill", "yellow", "--seed", 2, "-n", 1, "--out", "made")
    assert code == 1
    assert "Not convincing" in err
    assert "does not answer the query" in out
    (path,) = (tmp_path / "made").iterdir()
    assert path.name == "yellow-not-convincing-2.png"
    assert b"trainedAlgorithmicMedia" in path.read_bytes()


def test_the_starter_says_what_it_makes_and_others_do_not(run, monkeypatch):
    starter = ColourGenerator()
    starter.info = replace(starter.info, name="starter")
    assert "clothes and accessories only" not in run("fill", "yellow", "--seed", 2, "-n", 1)[2]
    generated_with(monkeypatch, starter)
    code, _, err = run("fill", "yellow", "--seed", 2, "-n", 1)
    assert code == 1
    assert "The starter generator makes clothes and accessories only" in err
    assert "--generator, as docs/your-own-stable-diffusion.md says. Try another --seed" in err


def test_numbers_out_of_range_are_refused_before_a_model_is_loaded(run, monkeypatch):
    monkeypatch.setattr(generation, "load_generator", pytest.fail, raising=False)
    for wrong in (("--steps", -4), ("--guidance", 99), ("--size", "8x8"), ("--strength", 2), ("--seed", -1)):
        code, _, err = run("fill", "yellow", *wrong)
        assert code == 1
        told = "width 8" if wrong[0] == "--size" else f"{wrong[0][2:]} {wrong[1]}"
        assert err.startswith(f"findmake: Cannot make a picture with {told}")


def test_what_is_blocked_says_so(run, tmp_path):
    code, out, err = run("fill", "nude", "yellow")
    assert (code, out) == (6, "")
    assert "Blocked the prompt" in err
    (tmp_path / "shelf" / "safety.json").write_text('{"names": ["yellow"]}')
    assert run("fill", "yellow")[0] == 6
    (tmp_path / "shelf" / "safety.json").write_text("{")
    code, _, err = run("fill", "yellow")
    assert (code, "safety.json" in err) == (1, True)


@pytest.mark.parametrize("wrong", [("-n", 0), ("--keep", 5), ("--style-weight", 2), ("--neighbours", 99)])
def test_options_out_of_range_are_told(run, wrong):
    code, out, err = run("fill", "yellow", *wrong)
    assert (code, out) == (1, "")
    assert err.startswith("findmake: Cannot make a picture with")


def test_ctrl_c_keeps_nothing(run, monkeypatch, tmp_path):
    class Interrupted(ColourGenerator):
        def generate(self, request, *, on_step=None):
            super().generate(request, on_step=on_step)
            raise KeyboardInterrupt

    generated_with(monkeypatch, Interrupted())
    code, out, err = run("fill", "yellow")
    assert (code, out) == (130, "")
    assert "stopped" in err
    assert not (tmp_path / "shelf" / "generated").exists()


def test_gaps_are_listed(run, tmp_path):
    assert "Nothing is lacking" in run("gaps")[1]
    log(tmp_path, "yellow", times=3)
    log(tmp_path, "=red thing", days=60)
    code, out, _ = run("gaps")
    assert code == 0
    assert out.splitlines()[0].split() == ["demand", "asked", "last", "state", "query"]
    assert out.splitlines()[1].split()[-1] == "yellow"
    first, second = json.loads(run("gaps", "--json")[1])["gaps"]
    assert (first["name"], first["times"], first["verdict"], first["tried"]) == (
        "yellow",
        3,
        "no match",
        None,
    )
    assert len(first["nearest"]) == 3
    since = (datetime.now(UTC) - timedelta(days=7)).date()
    assert len(json.loads(run("gaps", "--since", since, "--json")[1])["gaps"]) == 1
    code, out, _ = run("gaps", "--csv", "gaps.csv")
    assert (code, out) == (0, "")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "gaps.csv").read_text())))
    assert [row["name"] for row in rows] == ["yellow", "'=red thing"]  # no formula for a spreadsheet
    assert rows[0]["nearest"].count(";") == 2
    assert second["times"] == 1
    with pytest.raises(SystemExit):
        run("gaps", "--since", "yesterday")


def test_a_table_of_gaps_makes_no_folder(run, tmp_path):
    code, out, err = run("gaps", "--csv", tmp_path / "away" / "gaps.csv")
    assert (code, out) == (1, "")
    assert err == (
        f"findmake: cannot write {tmp_path / 'away' / 'gaps.csv'}: No such file or directory. "
        "Give another folder.\n"
    )
    assert not (tmp_path / "away").exists()


def test_gaps_are_filled_within_a_budget(run, tmp_path):
    log(tmp_path, "yellow", times=3)
    log(tmp_path, "red", times=1)
    code, out, err = run("gaps", "--fill", "--most", 1, "--seed", 0)
    assert (code, out) == (0, "filled as 97: yellow\n")
    assert "1 of 1 gaps are filled" in err
    code, out, _ = run("gaps", "--fill", "--json")
    answer = json.loads(out)
    assert (answer["gap"], answer["outcome"]) == ("red", "not needed")
    assert "No gap is left" in run("gaps", "--fill")[2]
    assert [gap["filled_by"] for gap in json.loads(run("gaps", "--json")[1])["gaps"]] == [[97], []]
    assert run("gaps")[1].splitlines()[1].split()[3] == "filled"


def test_a_picture_is_made_again(run, tmp_path):
    run("fill", "yellow", "--seed", 0)
    code, out, _ = run("regenerate", 97, "--out", "again.png")
    assert code == 0
    assert out.startswith("Equal: item 97")
    with Image.open(tmp_path / "again.png") as image:
        assert image.size == (48, 48)
    answer = json.loads(run("regenerate", 97, "--json")[1])
    assert (answer["equal"], answer["furthest"], answer["differences"]) == (True, 0, [])
    code, _, err = run("regenerate", 1)
    assert (code, "imported" in err) == (1, True)


def test_a_difference_is_told(run, monkeypatch):
    run("fill", "yellow", "--seed", 0)
    generated_with(monkeypatch, ColourGenerator(revision="2", side=32))
    code, out, err = run("regenerate", 97)
    assert (code, "Different" in out) == (1, True)
    assert "The revision was '1', and is '2' now." in err
    assert "same machine" in err
