"""The command line: in this process with the tiny encoder, and as a real process with the starter."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures
from ui.commands import placement
from ui.services import operations
from ui.settings import Settings, default_collection


@pytest.fixture
def run(command):
    return command


@pytest.fixture
def filled(run, tmp_path):
    write_pictures(tmp_path / "photos", 14)
    assert run("index", "photos")[0] == 0
    return run


def test_index_reports_on_stderr_and_as_json(run, tmp_path):
    write_pictures(tmp_path / "photos", 3)
    (tmp_path / "photos" / "broken.gif").write_text("x")
    code, out, err = run("index", "photos", "--json")
    report = json.loads(out)
    assert code == 0
    assert {
        "added",
        "updated",
        "moved",
        "unchanged",
        "removed",
        "seconds",
        "images_per_s",
        "failed",
    } <= report.keys()
    assert (report["added"], report["unchanged"]) == (3, 0)
    assert [Path(failure["path"]).name for failure in report["failed"]] == ["broken.gif"]
    assert report["failed"][0]["reason"]
    assert "Model: colours (for a test)." in err
    code, out, err = run("index")  # what was indexed before
    assert (code, out) == (0, "")
    assert "3 unchanged" in err
    assert "broken.gif" in err


def test_search_prints_a_table_paths_or_json(filled, tmp_path):
    code, out, err = filled("search", "red", "-k", "2", "--no-fold")
    assert code == 0
    assert err == ""
    assert out.splitlines()[0].split() == ["prob", "score", "id", "by", "path", "(title)"]
    assert "red" in out.splitlines()[1]
    _, out, _ = filled("search", "red", "-k", "2", "--paths-only", "--no-fold")
    assert [Path(line).name for line in out.splitlines()] == ["009_red.png", "002_red.png"] or all(
        "red" in line for line in out.splitlines()
    )
    _, out, _ = filled("search", "red", "-k", "2", "--json")
    answer = json.loads(out)
    assert answer.keys() >= {"query", "verdict", "coverage", "took_ms", "hits"}
    assert (answer["query"], answer["verdict"], answer["coverage"]) == ("red", None, None)
    hit = answer["hits"][0]
    assert hit.keys() >= {"rank", "id", "score", "probability", "path", "title", "modality", "origin"}
    assert (hit["rank"], hit["modality"], hit["origin"], hit["probability"]) == (1, "image", "imported", None)


def test_offset_goes_on_where_the_first_page_ends(filled):
    whole = json.loads(filled("search", "red", "-k", "6", "--json")[1])["hits"]
    second = json.loads(filled("search", "red", "-k", "3", "--offset", "3", "--json")[1])["hits"]
    assert second == whole[3:]
    assert filled("search", "red", "--offset", "100")[1] == "No more hits.\n"


def test_many_queries_in_one_process(filled, tmp_path):
    (tmp_path / "queries.txt").write_text("red\nblue - green\n\nred +\n")
    code, out, _ = filled("search", "--queries", "queries.txt", "-k", "1")
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["query"] for answer in answers] == ["red", "blue - green", "", "red +"]
    assert ["hits" in answer for answer in answers] == [True, True, False, False]
    assert code == 1


def test_similar_takes_an_id_an_indexed_path_or_any_picture(filled, tmp_path):
    by_id = json.loads(filled("similar", "3", "--json")[1])["hits"]
    path = by_id[0]["path"]
    by_path = json.loads(filled("similar", path, "--json")[1])["hits"]
    assert path not in [hit["path"] for hit in by_path]
    assert 3 not in [hit["id"] for hit in by_id]
    elsewhere = tmp_path / "elsewhere.png"
    shutil.copy(path, elsewhere)
    assert json.loads(filled("similar", elsewhere, "--json")[1])["hits"][0]["path"] == path
    code, out, err = filled("similar", "nothing here")
    assert (code, out) == (1, "")
    assert err == (
        "findmake: No item 'nothing here' in this collection. "
        "Give an id as printed by search, or the path of a picture.\n"
    )


def test_info_tells_the_facts(filled, tmp_path):
    facts = json.loads(filled("info", "--json")[1])
    assert (facts["model"], facts["items"], facts["pictures"], facts["texts"]) == ("colours", 14, 14, 0)
    assert facts["roots"] == [str(tmp_path / "photos")]
    assert "colours" in filled("info")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["search", "red", "--collection", "nowhere"], 3, "No collection at"),
        (["index", "--collection", "nowhere"], 3, "No collection at"),
        (["index", "not/there"], 1, "Cannot read"),
        (["search", "red -"], 1, "nothing follows it"),
        (["search", "missing.jpg"], 1, "no such picture file"),
        (["search", "red - red"], 1, "cancel"),
        (["search"], 1, "query is blank"),
        (["search", "--queries", "missing.txt"], 1, "cannot read missing.txt"),
        (
            ["search", "red", "-k", "0"],
            1,
            "Cannot search with k 0: expected how many hits to show, at least 1.",
        ),
        (
            ["search", "red", "--offset", "-1"],
            1,
            "Cannot search with offset -1: expected how many hits to skip",
        ),
        (
            ["search", "red", "--threshold", "7"],
            1,
            "with threshold 7.0: expected a probability, from 0 to 1.",
        ),
        (["search", "red", "--model", "other"], 1, "built with the model 'colours'"),
    ],
)
def test_mistakes_end_in_a_sentence_and_a_code(filled, arguments, code, part):
    found, out, err = filled(*arguments)
    assert (found, out) == (code, "")
    assert part in err
    assert "Traceback" not in err
    assert err.startswith("findmake: ")


def test_ctrl_c_keeps_what_was_finished(run, tmp_path, monkeypatch):
    write_pictures(tmp_path / "photos", 70)
    real = ColourEncoder.encode_images

    def interrupted(encoder, images):
        if encoder.images_encoded >= 64:
            raise KeyboardInterrupt
        return real(encoder, images)

    with monkeypatch.context() as patched:
        patched.setattr(ColourEncoder, "encode_images", interrupted)
        code, out, err = run("index", "photos")
    assert (code, out) == (130, "")
    assert "the same command goes on from there" in err
    kept = json.loads(run("info", "--json")[1])["items"]
    assert 0 < kept < 70
    report = json.loads(run("index", "photos", "--json")[1])
    assert (report["unchanged"], report["added"]) == (kept, 70 - kept)


def test_wrong_usage_is_code_2(run):
    with pytest.raises(SystemExit) as stopped:
        run("dance")
    assert stopped.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["serch", "red"], "search"),
        (["search", "red", "--jsn"], "--json"),
        (["search", "red", "--treshold=0.5"], "--threshold"),
        (["tag", "ad", "sale", "1"], "add"),
        (["tag", "list", "--jsno"], "--json"),
        (["gaps", "--kind", "prodct"], "product"),
        (["search", "red", "--nothing-like-it"], None),
        (["dance"], None),
    ],
)
def test_a_mistyped_word_is_told_with_the_nearest(run, capsys, arguments, meant):
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    err = capsys.readouterr().err
    assert stopped.value.code == 2
    assert err.endswith(f". Did you mean {meant}?\n") if meant else "Did you mean" not in err


@pytest.mark.parametrize("arguments", [("search", "red"), ("index", "photos"), ("info",), ("gaps",)])
def test_a_file_is_no_place_for_a_collection(run, tmp_path, monkeypatch, arguments):
    monkeypatch.setattr(operations, "choose_model", pytest.fail)
    write_pictures(tmp_path / "photos", 1)
    (tmp_path / "notes").write_text("x")
    code, out, err = run(*arguments, "--collection", "notes")
    assert (code, out) == (2, "")
    assert err == (
        f"findmake: There can be no collection at {tmp_path / 'notes'}: it is a file, and a collection is a "
        "folder. Give --collection (or FINDMAKE_COLLECTION) a folder; it need not be there.\n"
    )
    code, _, err = run(*arguments, "--collection", "notes/here")
    assert (code, f"{tmp_path / 'notes'} is a file" in err) == (2, True)


def test_a_place_that_cannot_be_written_is_told_before_a_model_is_chosen(run, tmp_path, monkeypatch):
    monkeypatch.setattr(operations, "choose_model", pytest.fail)
    monkeypatch.setattr(
        placement.os, "access", lambda path, mode: path != tmp_path
    )  # root may write anywhere
    write_pictures(tmp_path / "photos", 1)
    code, _, err = run("index", "photos", "--collection", "new/here")
    assert code == 1
    assert f"{tmp_path / 'new' / 'here'} could not be read or written: {tmp_path} must not be" in err
    assert not (tmp_path / "new").exists()


def test_one_root_that_is_away_does_not_stop_the_others(filled, tmp_path):
    write_pictures(tmp_path / "more", 2, start=40)
    code, _, err = filled("index", "more", "gone")
    assert code == 0
    assert "2 added" in err
    assert "gone" in err


def test_settings_come_from_options_then_environment_then_defaults(tmp_path):
    assert Settings.read({}).collection == default_collection().absolute()
    assert Settings.read({}).model is None
    environment = {"FINDMAKE_COLLECTION": "/a", "FINDMAKE_MODEL": "m", "FINDMAKE_DEVICE": "cpu"}
    found = Settings.read(environment)
    assert (found.collection, found.model, found.device) == (Path("/a"), "m", "cpu")
    assert Settings.read(environment, collection=Path("/b"), model="n").collection == Path("/b")
    child = Settings.read(environment, model="n").as_environment()
    assert (child["FINDMAKE_COLLECTION"], child["FINDMAKE_MODEL"]) == ("/a", "n")


def process(*arguments, cwd=None):
    command = [sys.executable, "-m", "ui.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120, check=False)


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from ui import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'faiss', 'sqlalchemy', 'streamlit', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "exit codes" in done.stdout


@pytest.mark.slow
def test_real_photos_with_the_starter_in_real_processes(tmp_path):
    """What a stranger does first, on photos that scikit-image carries."""
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the photos")
    from PIL import Image

    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("astronaut", "coffee", "chelsea", "rocket", "coins", "brick"):
        Image.fromarray(getattr(data, name)()).save(photos / f"{name}.png")
    here = ["--collection", tmp_path / "collection"]
    first = process("index", photos, "--model", "starter", "--json", *here)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["added"] == 6
    again = process("index", photos, "--json", *here)
    assert json.loads(again.stdout)["embedded"] == 0
    queries = tmp_path / "queries.txt"
    expected = {
        "a cat": "chelsea",
        "a cup of coffee": "coffee",
        "a brick wall": "brick",
        "a rocket": "rocket",
    }
    queries.write_text("\n".join(expected))
    done = process("search", "--queries", queries, "-k", "2", *here)
    assert done.returncode == 0, done.stderr
    answers = {answer["query"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert {query: answer["hits"][0]["title"] for query, answer in answers.items()} == expected
    twin = process("similar", photos / "chelsea.png", "--paths-only", *here)
    assert str(photos / "chelsea.png") not in twin.stdout.splitlines()
    assert len(twin.stdout.splitlines()) == 5


def test_a_search_multiplies_by_one_thread_unless_told_otherwise(tmp_path):
    code = (
        "import os, sys, threadpoolctl, ui.cli;"
        "ui.cli.main(['search', 'x', '--collection', sys.argv[1]]);"
        "there = threadpoolctl.threadpool_info();"
        "blas = {each['num_threads'] for each in there if 'numpy' in each['filepath']};"
        "print(os.environ['OPENBLAS_NUM_THREADS'], blas)"
    )
    plain = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    command = [sys.executable, "-c", code, str(tmp_path / "none")]
    for told, expected in (({}, "1 {1}"), ({"OPENBLAS_NUM_THREADS": "2"}, "2 ")):
        done = subprocess.run(command, env=plain | told, capture_output=True, text=True, check=True)
        assert done.stdout.startswith(expected)


def test_an_order_may_fall_without_an_equals_sign(filled):
    told = [filled("search", "red", "--order", order, "--json") for order in ("title", "-title")]
    first, last = ([hit["title"] for hit in json.loads(out)["hits"]] for _, out, _ in told)
    assert first == sorted(first)
    assert last == sorted(first, reverse=True)
