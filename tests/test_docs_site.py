"""The site builds without a dead link, and the reference is what the program is."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ui import cli

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def script():
    """docs/write_reference.py as a module."""
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "docs" / "write_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(name):
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def test_the_reference_is_what_the_program_says(script):
    for name, text in script._pages().items():
        assert shown(name) == script._MADE + text, f"{name}: run python docs/write_reference.py"


def test_every_command_setting_and_endpoint_is_in_it(script):
    commands = cli._parser()._subparsers._group_actions[0].choices
    assert {name for name in commands if f"## findmake {name}\n" not in shown("cli")} == set()
    used = set(re.findall(r"FINDMAKE_[A-Z_]*[A-Z]", (ROOT / "ui" / "settings.py").read_text()))
    assert used == set(script.names())
    assert {name for name in used if f"| `{name}` |" not in shown("settings")} == set()
    paths = script.document()["paths"]
    routes = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    assert {route for route in routes if f"## {route}\n" not in shown("api")} == set()


def test_the_site_builds_and_nothing_in_it_is_dead(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 30
    for page in pages:  # nothing is fetched from elsewhere
        sources = re.findall(r"(?:src|<link[^>]*href)=\"(https?://[^\"]+)", page.read_text(encoding="utf-8"))
        assert sources == [], page


def test_every_guide_is_in_the_sites_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs").rglob("*.md")):
        assert f" {path.relative_to(ROOT / 'docs').as_posix()}\n" in navigation, path


def test_the_plots_are_those_of_the_figures(tmp_path):
    command = [sys.executable, ROOT / "docs" / "draw_coverage.py", tmp_path]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    for name in ("chance.svg", "coverage.svg"):
        assert (tmp_path / name).read_text() == (ROOT / "docs" / "images" / name).read_text(), name
