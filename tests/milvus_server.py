"""A real Milvus server, from a wheel, for the length of a test module."""

import shutil
import subprocess
import tempfile
from contextlib import suppress

from milvus import MilvusServer


class Milvus:
    """A server that asks for name and password; its files go with it. One at a time: etcd has fixed ports."""

    def __init__(self):
        self._folder = tempfile.mkdtemp(prefix="findmake-milvus-")
        self._server = MilvusServer()
        self._server.config.set("authorization_enabled", True)
        self._server.set_base_dir(self._folder)
        self._server.start()
        self.address = f"http://127.0.0.1:{self._server.listen_port}"

    def stop(self):
        """End it, and remove its files."""
        with suppress(
            subprocess.TimeoutExpired
        ):  # the package waits for a second; a busy machine takes longer
            self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
