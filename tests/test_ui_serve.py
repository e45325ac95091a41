"""Starting the page as a stranger does, for the first time and with nobody at the keyboard."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_the_first_start_asks_nothing_and_answers(tmp_path):
    """Streamlit would ask for a mail address before it serves anything."""
    port = free_port()
    environment = os.environ | {"HOME": str(tmp_path), "BROWSER": "true"}
    command = [
        sys.executable,
        "-m",
        "ui.cli",
        "serve",
        "--port",
        str(port),
        "--collection",
        str(tmp_path / "c"),
    ]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            for _ in range(120):
                try:
                    with urllib.request.urlopen(
                        f"http://127.0.0.1:{port}/_stcore/health", timeout=2
                    ) as answer:
                        assert answer.status == 200
                        return
                except OSError:
                    assert process.poll() is None, process.stdout.read().decode()
                    time.sleep(0.25)
            pytest.fail("the page did not answer within thirty seconds")
        finally:
            process.terminate()
            process.stdout.read()
