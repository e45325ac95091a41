"""Several processes that answer at one port: one collection, one set of figures, none missed for long."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.colour_pictures import write_pictures
from ui.api.client import Client
from ui.api.options import ApiOptions
from ui.api.schemas.search import Narrowed
from ui.server.port import CannotServe


def children(process):
    """The processes that answer; the other child keeps account of what they share."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {int(pid) for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def counted(address):
    """Searches that the figures of all processes tell of."""
    with Client(address) as client:
        found = re.search(r'findmake_requests_total\{.*route="/search".*\} (\d+)', client.metrics())
        assert "findmake_items 4.0" in client.metrics()
    return int(found[1]) if found else 0


def search(address):
    with Client(address) as client:  # a connection of its own, so that any process may take it
        return len(client.search("a red thing", options=Narrowed(k=2)).hits)


@pytest.fixture
def served(tmp_path, collection, index):
    write_pictures(tmp_path / "photos", 4)
    index(tmp_path / "photos")
    figures = tmp_path / "tmp"
    figures.mkdir()
    command = [sys.executable, "-m", "tests.serve_by_workers", str(collection.folder)]
    environment = os.environ | {"TMPDIR": str(figures)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        told = [process.stdout.readline() for _ in range(2)]
        address = re.search(r"Serving 4 items at (http://\S+) by 2 processes", told[1])[1]
        yield process, address, figures
        process.terminate()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="it looks at processes by /proc")
def test_two_processes_answer_and_one_that_dies_is_replaced(served):
    process, address, figures = served
    with ThreadPoolExecutor(8) as clients:
        assert list(clients.map(search, [address] * 40)) == [2] * 40
    assert counted(address) == 40, "whichever process is asked"
    before = children(process)
    assert len(before) == 2
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(children(process)) == 2 and children(process) != before)
    until(lambda: [search(address) for _ in range(20)] == [2] * 20)
    assert counted(address) >= 60, "what the dead one counted is not lost"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)
    assert list(figures.iterdir()) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="it looks at processes by /proc")
def test_a_collection_that_goes_away_ends_all_of_them_with_a_sentence(served, collection):
    process, address, _ = served
    assert [search(address) for _ in range(20)] == [2] * 20
    shutil.rmtree(collection.folder)
    for pid in children(process):
        os.kill(pid, signal.SIGKILL)
    assert process.wait(60) == 1


def test_a_number_of_processes_below_one_is_told():
    with pytest.raises(CannotServe, match="workers 0: it must be above 0"):
        ApiOptions(workers=0)
