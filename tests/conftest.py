"""Fixtures for all tests; each test is cut off from the user's settings and from any model hub."""

import os

import pytest

from indexer import Collection, index_sources, open_source
from indexer.collection.server_address import address_of, link
from indexer.encoders.onnx import cache
from tests.colour_encoder import ColourEncoder
from ui import cli
from ui.services import operations

pytest_plugins = ["tests.browser_fixtures"]

# The files that take longest begin, so that no worker is left alone with one of them at the end.
LONGEST = ("test_ui_training.py", "test_indexer_ray.py", "test_indexer_crash.py", "test_ui_browser_make.py")


def pytest_addoption(parser):
    parser.addoption("--on-server", action="store_true", help="keep every collection on a PostgreSQL server")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--on-server"):
        items[:] = [item for item in items if not item.get_closest_marker("files")]
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL server; it fails loudly where it cannot be started."""
    from tests.postgres_server import RUNNING, PostgresServer

    server = PostgresServer()
    RUNNING.append(server)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _on_server(request, monkeypatch):
    """With ``--on-server``, let every new collection be on a server, whatever the test."""
    if not request.config.getoption("--on-server"):
        return
    server = request.getfixturevalue("postgres")
    make = Collection._make.__func__

    def make_on_server(cls, folder, encoder):
        if address_of(folder) is None:
            link(folder, server.new_database())
        return make(cls, folder, encoder)

    monkeypatch.setattr(Collection, "_make", classmethod(make_on_server))


def pytest_configure():
    """Run models by torch in processes that tests start, whatever was exported here."""
    os.environ["FINDMAKE_RUNTIME"] = "torch"


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """No setting, cache or hub of the person running the tests can change a result."""
    for name in ("COLLECTION", "MODEL", "DEVICE", "LOG_MISSES", "GENERATOR", "API_TOKEN"):
        monkeypatch.delenv(f"FINDMAKE_{name}", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg-data"))
    monkeypatch.setattr(cache.platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "xdg-cache")


@pytest.fixture
def encoder():
    return ColourEncoder()


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """Run a command with the tiny encoder, as in ``code, out, err = command("index", "photos")``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FINDMAKE_COLLECTION", str(tmp_path / "collection"))
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    monkeypatch.setattr(operations, "choose_model", lambda: ("colours", "for a test"))

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def collection(tmp_path, encoder):
    made = Collection.create(tmp_path / "collection", encoder)
    yield made
    made.close()


@pytest.fixture
def index(collection, encoder):
    """Index paths into the collection: ``report = index(path, ...)``."""

    def run(*paths, **options):
        return index_sources(collection, encoder, [open_source(path) for path in paths], **options)

    return run
