"""findmake serve --api from its start to Ctrl-C, and what a heavy start would cost."""

import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from indexer import index_sources, open_source
from tests.colour_pictures import write_pictures
from ui import cli
from ui.api import run
from ui.services import operations


def test_the_command_serves_and_ends(tmp_path, collection, index, encoder, monkeypatch, capsys):
    """In this process, with the server told to stop as soon as it has started."""
    write_pictures(tmp_path / "photos", 3)
    index_sources(collection, encoder, [open_source(tmp_path / "photos")])
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: encoder)
    made = run.server

    def stopped(service):
        server = made(service)
        server.should_exit = True
        return server

    monkeypatch.setattr(run, "server", stopped)
    arguments = ["serve", "--api", "--port", "0", "--collection", str(collection.folder)]
    with ThreadPoolExecutor() as other:  # in this thread an event loop of the browser may be running
        assert other.submit(cli.main, arguments).result() == 0
    assert re.search(r"Serving 3 items at http://127\.0\.0\.1:\d+ ", capsys.readouterr().err)


def test_a_server_ends_in_good_order_by_a_signal(tmp_path, collection):
    command = [sys.executable, "-m", "tests.serve_in_process", collection.folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGTERM)


def test_help_and_the_models_load_no_framework():
    code = (
        "import sys, ui.cli, ui.api.schemas.search, ui.api.options, ui.api.run;"
        "sys.exit(str({'fastapi', 'uvicorn', 'torch', 'prometheus_client'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"
