"""The commands that recommend, label, find duplicates and complete queries, with the tiny encoder."""

import itertools
import json
import shutil

import pytest

from tests.colour_pictures import write_pictures


@pytest.fixture
def run(command, tmp_path):
    """Run a command over 14 pictures, as in ``code, out, err = run("label", "--labels", "red")``."""
    write_pictures(tmp_path / "photos", 14)
    assert command("index", "photos")[0] == 0
    return command


def test_recommend(run):
    code, out, _ = run("recommend", "--like", 3, "--dislike", 4, "-k", 2, "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["liked"], answer["disliked"], answer["method"]) == ([3], [4], "rocchio")
    assert [each["rank"] for each in answer["items"]] == [1, 2]
    first = answer["items"][0]
    assert first.keys() == {"rank", "id", "score", "because", "path", "title"}
    assert (first["because"], "red" in first["title"]) == (3, True)
    code, out, _ = run("recommend", "--like", 3, "--method", "logistic")
    assert out.splitlines()[0].split()[:3] == ["score", "id", "like"]
    assert len(out.splitlines()) == 11
    code, out, err = run("recommend")
    assert (code, out) == (1, "")
    assert err.startswith("findmake: Nothing can be recommended")


def test_label_and_store(run, tmp_path):
    code, out, err = run("label", "--labels", "red, blue,green", "--items", 3, 5, "--store", "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["model"], answer["calibrated"], answer["stored"]) == ("colours", False, 2)
    assert [item["labels"][0]["label"] for item in answer["items"]] == ["red", "blue"]
    for item in answer["items"]:
        total = item["none"] + sum(each["probability"] for each in item["labels"])
        assert total == pytest.approx(1, abs=1e-3)
    code, out, err = run("label", "--labels", "red", "--items", 3)
    assert "uncalibrated" in err
    head, line = out.splitlines()
    assert head.split() == ["id", "labels", "title", "(path)"]
    assert line.split()[:2] == ["3", "red"]
    assert line.endswith(f"  002 red  ({tmp_path / 'photos' / '002_red.png'})")
    assert head.index("title") == line.index("002 red")
    code, _, err = run("label", "--labels", "red,red")
    assert (code, err.startswith("findmake: Cannot choose between the labels")) == (1, True)


def test_a_line_break_in_a_files_name_breaks_no_table(run, tmp_path):
    name = "a\nred\x1b[31m.png"
    for folder in ("one", "two"):
        (tmp_path / "photos" / folder).mkdir()
        shutil.copy(tmp_path / "photos" / "002_red.png", tmp_path / "photos" / folder / name)
    (tmp_path / "photos" / "b\nroken.png").write_text("x")
    assert "b\\nroken.png: " in run("index")[2]
    item = json.loads(run("similar", tmp_path / "photos" / "one" / name, "--json")[1])["hits"][0]["id"]
    for command in (
        ("search", tmp_path / "photos" / "one" / name, "--no-fold", "--explain"),
        ("duplicates", "--threshold", 2),
        ("recommend", "--like", 5, "-k", 20),
        ("label", "--labels", "red"),
        ("explain", tmp_path / "photos" / "one" / name, item),
    ):
        _, out, _ = run(*command)
        assert r"a\nred\x1b[31m.png" in out, command
        assert not [line for line in out.split("\n") if line.startswith("red") or "\x1b" in line], command


def test_duplicates(run, tmp_path):
    assert run("duplicates", "--threshold", 2)[1] == "No duplicates.\n"
    shutil.copy(tmp_path / "photos" / "002_red.png", tmp_path / "photos" / "copy.png")
    run("index")
    answer = json.loads(run("duplicates", "--threshold", 2, "--json")[1])
    (group,) = answer["groups"]
    assert (answer["threshold"], group["exact"]) == (2, True)
    assert [(item["id"], item["same_as"]) for item in group["items"]] == [(3, None), (15, 3)]
    lines = run("duplicates", "--threshold", 2)[1].splitlines()
    assert lines[0].split()[:2] == ["3", "keep"]
    assert lines[-1] == "1 groups, 1 items to spare."
    with pytest.raises(SystemExit):
        run("duplicates", "--threshold", 0)


def test_completions(run, tmp_path):
    code, _, err = run("suggest", "red run")
    assert (code, "findmake train-suggest" in err) == (1, True)
    code, _, err = run("train-suggest")
    assert (code, "at least 200" in err) == (1, True)
    words = ("red", "blue", "green"), ("running", "walking", "leather"), ("shoes", "boots", "sandals")
    titles = [" ".join(parts) for parts in itertools.product(words[0], *words[1:], map(str, range(9)))]
    (tmp_path / "shop.csv").write_text("id,title\n" + "\n".join(f"{i},{t}" for i, t in enumerate(titles)))
    run("index", "shop.csv")
    code, out, _ = run("train-suggest", "--steps", 25, "--json")
    figures = json.loads(out)
    assert figures.keys() == {
        "texts", "held_out", "perplexity", "bigram_perplexity", "steps", "seconds",
    }  # fmt: skip
    code, out, _ = run("suggest", "red run", "-n", 3, "--json")
    answer = json.loads(out)
    assert answer["prefix"] == "red run"
    assert all(each["text"].startswith("red run") for each in answer["completions"])
    assert 1 <= len(answer["completions"]) <= 3
    code, out, _ = run("suggest", "red run", "-n", 3)
    assert out.splitlines() == [each["text"] for each in answer["completions"]]
    prompts = json.loads(run("suggest", "blue leather", "--enrich", "--json")[1])["prompts"]
    assert prompts
    assert all(prompt.startswith("blue leather ") for prompt in prompts)
