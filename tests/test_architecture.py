"""The house rules that a reader would otherwise have to check."""

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("indexer", "search", "generation", "ui")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
PICKLERS = {
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "dill",
    "joblib",
    "cloudpickle",
    "shelve",
    "marshal",
}


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 50, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_nothing_prints_pickles_exits_or_reads_the_environment_where_it_should_not(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
    assert not found & PICKLERS
    if named(path) != "ui/settings.py":
        assert not found & {"os.environ", "os.getenv"}
    if named(path) != "ui/cli.py":
        assert "sys.exit" not in found


def test_no_module_of_the_page_is_called_like_a_package():
    """Streamlit puts ui/ first on the path: ui/search.py would shadow search."""
    assert not {path.stem for path in (ROOT / "ui").iterdir()} & set(PACKAGES)


def test_each_package_name_has_one_owner():
    owners = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        assert set(owners.get(package, ["findmake"])) == {"findmake"}


@pytest.mark.parametrize("package", PACKAGES)
def test_exported_names_are_the_public_ones(package):
    module = __import__(package)
    exported = getattr(module, "__all__", [])
    assert list(exported) == sorted(
        exported, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    for name in exported:
        assert hasattr(module, name)


def test_importing_the_indexer_loads_no_model_library():
    heavy = {"torch", "open_clip", "timm", "transformers", "streamlit", "pyarrow"}
    code = f"import sys, indexer, search; sys.exit(str({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.strip() == "set()"


def test_the_distance_is_never_spoken_of():
    for path in SOURCES:
        assert "distance" not in path.read_text(encoding="utf-8").lower(), named(path)
