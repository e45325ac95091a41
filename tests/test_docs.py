"""The documents are true: commands run, links lead somewhere, every command is written down."""

import itertools
import json
import re
import shlex
from pathlib import Path

import pytest

import generation
from tests.colour_encoder import ColourEncoder
from tests.colour_generator import ColourGenerator
from tests.colour_pictures import encoded, write_pictures
from tests.gap_shelf import make_shelf
from ui import cli
from ui.formats import answers
from ui.services import models, operations

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "data").glob("*/*.md"))
MAKING = {"fill", "gaps", "promote", "discard", "regenerate"}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def readme_commands():
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("findmake ")]
    return [command[1:] for command in commands]


def test_the_readme_commands_work_in_their_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    monkeypatch.setattr(operations, "choose_model", lambda: ("colours", "for a test"))
    monkeypatch.setattr("indexer.doctor.surroundings.model_available", lambda name: True)
    write_pictures(tmp_path / "photos", 6)
    (tmp_path / "shoe.jpg").write_bytes(encoded("red", form="JPEG"))
    (tmp_path / "bag.jpg").write_bytes(encoded("blue", form="JPEG"))
    (tmp_path / "products.csv").write_text("id,title,image\n1,red mug,shoe.jpg\n")
    commands = [command for command in readme_commands() if command[0] not in MAKING]
    assert len(commands) >= 10
    for command in commands:
        if command[0] == "serve":
            continue  # test_ui_browser starts it
        assert cli.main(command) == 0, command
        out = capsys.readouterr().out
        if "--json" in command:
            assert json.loads(out)["hits"]


def test_the_readme_commands_that_make_pictures_work_in_their_order(tmp_path, monkeypatch, capsys):
    make_shelf(tmp_path).collection.close()
    monkeypatch.setenv("FINDMAKE_COLLECTION", str(tmp_path / "shelf"))
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    monkeypatch.setattr(
        generation, "load_generator", lambda name, **options: ColourGenerator(), raising=False
    )
    here = {"a purple backpack": "yellow", "17": "97"}  # what the test's catalogue lacks, and the next id
    commands = [command for command in readme_commands() if command[0] in MAKING]
    assert {command[0] for command in commands} == MAKING
    for command in commands:
        if command[0] == "fill":
            command += ["--seed", "0"]
        assert cli.main([here.get(part, part) for part in command]) == 0, command
    capsys.readouterr()


def test_every_command_is_in_the_readme():
    actions = cli._parser()._subparsers._group_actions[0].choices
    for command in actions:
        assert f"findmake {command}" in README


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (path.parent / target).exists(), target


def test_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", README)) <= targets


def test_the_json_document_names_every_field(collection, index, tmp_path, encoder):
    from search import Searcher, parse_query

    document = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    write_pictures(tmp_path / "photos", 2)
    report = answers.report_to_json(index(tmp_path / "photos"))
    answer = answers.results_to_json(Searcher(collection, encoder).search(parse_query(["red"])))
    fields = {*report, *answer, *answer["hits"][0], *operations.info(collection), *models.models()[0]}
    assert {field for field in fields if f"`{field}`" not in document} == set()


def test_every_dependency_earns_its_line():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    document = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    pinned = (ROOT / "constraints.txt").read_text().lower().replace("_", "-")
    for line in itertools.chain(project["dependencies"], *project["optional-dependencies"].values()):
        name = re.match(r"[A-Za-z0-9_-]+", line)[0]
        assert name in document, name
        assert f"\n{name.lower().replace('_', '-')}==" in pinned, name
